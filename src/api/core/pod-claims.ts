/**
 * The claims of a pod: those it names, and those that are made for its ephemeral volumes.
 *
 * Source: upstream staging/src/k8s.io/component-helpers/storage/ephemeral/ephemeral.go.
 */
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';

export interface PodClaim {
  readonly name: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly isEphemeral: boolean;
}

export function claimsOf(pod: Pod): PodClaim[] {
  const { name: podName = '', namespace = '' } = pod.metadata ?? {};
  return (pod.spec?.volumes ?? []).flatMap(({ name: volume, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim === undefined && ephemeral === undefined) return [];
    const isEphemeral = persistentVolumeClaim === undefined;
    const name = persistentVolumeClaim?.claimName ?? `${podName}-${volume}`;
    return [{ name, key: `${namespace}/${name}`, isEphemeral }];
  });
}

/** Why an ephemeral claim is not the pod's own; undefined: it is. */
export function foreignClaim(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  if (controllerOf(claim)?.uid === pod.metadata?.uid) return undefined;
  const text = ({ metadata }: Pod | PersistentVolumeClaim): string =>
    `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
  return `PVC ${text(claim)} was not created for pod ${text(pod)} (pod is not owner)`;
}

/** As the API says that an object is not there. */
export const NOT_FOUND = {
  claim: (name: string) => `persistentvolumeclaim "${name}" not found`,
  volume: (name: string) => `persistentvolume "${name}" not found`,
  storageClass: (name: string) => `storageclass.storage.k8s.io "${name}" not found`,
} as const;
