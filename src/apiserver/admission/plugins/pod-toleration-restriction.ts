/**
 * PodTolerationRestriction: pods get the tolerations of their namespace, and none beyond what the
 * namespace, or else the cluster, allows.
 *
 * Source: upstream plugin/pkg/admission/podtolerationrestriction.
 */
import { podQosClass } from '#api/core/qos.ts';
import type { Namespace, Toleration } from '#api/gen/core-v1.ts';
import { plainError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { ownNamespace } from '../own-namespace.ts';
import type { AdmissionServices } from '../services.ts';
import { areAllowed, merged } from '../toleration-sets.ts';
import { writtenPod } from '../written-pod.ts';

const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const WHITELIST = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';

/** What takes some memory for itself stays where memory is short. */
const MEMORY_PRESSURE: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
};

export function podTolerationRestriction({
  reader,
  configuration,
}: AdmissionServices): AdmissionPlugin {
  const ofCluster = configuration?.podTolerations ?? { default: [], whitelist: [] };

  const validate = async (attributes: Attributes): Promise<void> => {
    const tolerations = writtenPod(attributes)?.spec.tolerations ?? [];
    if (tolerations.length === 0) return;
    const own = annotated(await ownNamespace(reader, attributes), WHITELIST);
    const whitelist = own ?? ofCluster.whitelist;
    if (whitelist.length === 0 || areAllowed(tolerations, whitelist)) return;
    const scope = own === undefined ? 'cluster' : 'namespace';
    throw plainError(
      `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${scope} whitelist`,
    );
  };

  return {
    name: 'PodTolerationRestriction',
    async admit(attributes) {
      const pod = writtenPod(attributes);
      if (pod === undefined) return;
      const { spec } = pod;
      let tolerations = spec.tolerations ?? [];
      if (attributes.operation === 'CREATE') {
        const own = annotated(await ownNamespace(reader, attributes), DEFAULTS);
        const added = structuredClone([...(own ?? ofCluster.default)]);
        if (added.length > 0)
          tolerations = tolerations.length > 0 ? merged(added, tolerations) : added;
      }
      if (podQosClass(pod) !== 'BestEffort') tolerations = merged(tolerations, [MEMORY_PRESSURE]);
      if (tolerations.length > 0) spec.tolerations = tolerations;
      await validate(attributes);
    },
    validate,
  };
}

/** Undefined where the namespace says nothing. Throws a plain error for what is no list. */
function annotated({ metadata }: Namespace, annotation: string): readonly Toleration[] | undefined {
  const text = metadata?.annotations?.[annotation];
  if (text === undefined) return undefined;
  if (text === '') return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw plainError(messageOf(error));
  }
  const isList =
    Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null);
  if (value !== null && !isList)
    throw plainError('json: cannot unmarshal into Go value of type []v1.Toleration');
  return (value ?? []) as Toleration[];
}
