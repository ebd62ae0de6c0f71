/**
 * Which extended resources are devices of a class: the one that the class names, and one that has
 * the name of the class in it.
 *
 * Of two classes for one resource the newer counts, so that one can take over from the other.
 * Source: KEP-5004; upstream v1.36
 * staging/src/k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache.
 */
import type { DeviceClass } from '#api/gen/resource-v1.ts';
import { isExtendedResource } from '#api/validation/resource-names.ts';

const IMPLICIT = 'deviceclass.resource.kubernetes.io/';

/** Whether a resource of this name may be devices. */
export function mayBeDevices(resource: string): boolean {
  return isExtendedResource(resource) || resource.startsWith(IMPLICIT);
}

/** The names of the resources that a class stands for. */
export function resourcesOf({ metadata, spec }: DeviceClass): readonly string[] {
  const implicit = `${IMPLICIT}${metadata?.name ?? ''}`;
  const explicit = spec?.extendedResourceName;
  return explicit === undefined ? [implicit] : [implicit, explicit];
}

export class ResourceNames {
  readonly #classes = new Map<string, DeviceClass>();

  constructor(classes: readonly DeviceClass[]) {
    for (const each of classes)
      for (const resource of resourcesOf(each)) {
        const known = this.#classes.get(resource);
        if (known === undefined || isPreferred(each, known)) this.#classes.set(resource, each);
      }
  }

  classOf(resource: string): DeviceClass | undefined {
    return this.#classes.get(resource);
  }
}

function isPreferred(one: DeviceClass, other: DeviceClass): boolean {
  const madeMs = ({ metadata }: DeviceClass) => Date.parse(metadata?.creationTimestamp ?? '') || 0;
  const nameOf = ({ metadata }: DeviceClass) => metadata?.name ?? '';
  const later = madeMs(one) - madeMs(other);
  return later > 0 || (later === 0 && nameOf(one) < nameOf(other));
}
