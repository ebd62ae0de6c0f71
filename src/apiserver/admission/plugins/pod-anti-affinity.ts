/**
 * LimitPodHardAntiAffinityTopology: a pod may keep others off its node, and off nothing larger.
 *
 * Source: upstream plugin/pkg/admission/antiaffinity.
 */
import { forbidden } from '#api/meta/status.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { writtenPod } from '../written-pod.ts';

const HOSTNAME = 'kubernetes.io/hostname';

export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  validate(attributes) {
    const pod = writtenPod(attributes);
    const terms =
      pod?.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const other = terms.find(({ topologyKey }) => topologyKey !== HOSTNAME);
    if (other === undefined) return;
    throw forbidden(
      { group: '', resource: 'pods' },
      pod?.metadata?.name ?? '',
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${other.topologyKey} but only key ${HOSTNAME} is allowed`,
    );
  },
};
