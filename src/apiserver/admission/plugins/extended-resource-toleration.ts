/**
 * ExtendedResourceToleration: who asks for an extended resource tolerates the taint that keeps
 * others off the nodes that have it.
 *
 * Source: upstream plugin/pkg/admission/extendedresourcetoleration.
 */
import type { Toleration } from '#api/gen/core-v1.ts';
import { isExtendedResource } from '#api/validation/resource-names.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { writtenPod } from '../written-pod.ts';

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  admit(attributes) {
    const spec = writtenPod(attributes)?.spec;
    if (spec === undefined) return;
    const names = [...spec.containers, ...(spec.initContainers ?? [])]
      .flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
      .filter(isExtendedResource);
    for (const key of [...new Set(names)].toSorted())
      spec.tolerations = withToleration(spec.tolerations ?? [], {
        key,
        operator: 'Exists',
        effect: 'NoSchedule',
      });
  },
};

/** In the place of one that differs in its seconds alone; at the end where there is none. */
function withToleration(given: readonly Toleration[], added: Toleration): Toleration[] {
  const isSame = ({ key, operator, effect, value = '' }: Toleration): boolean =>
    key === added.key && operator === added.operator && effect === added.effect && value === '';
  return given.some(isSame)
    ? given.map((toleration) => (isSame(toleration) ? added : toleration))
    : [...given, added];
}
