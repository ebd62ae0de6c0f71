/**
 * PodTopologyLabels: a pod that is bound carries the zone and region of its node as labels.
 *
 * Source: KEP-4742; upstream plugin/pkg/admission/podtopologylabels.
 */
import type { Binding, Pod } from '#api/gen/core-v1.ts';
import { metadataOf } from '../../api-object.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, NODES, PODS } from '../targets.ts';

const COPIED = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export function podTopologyLabels({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    admit(attributes) {
      const { object, operation } = attributes;
      if (!isFor(attributes, PODS) || operation !== 'CREATE' || object === undefined) return;
      const nodeName = nodeOf(attributes);
      if (nodeName === undefined || nodeName === '') return;
      const labels = reader.get(NODES, '', nodeName)?.metadata?.labels ?? {};
      const copied = Object.fromEntries(
        COPIED.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]])),
      );
      if (Object.keys(copied).length === 0) return;
      const metadata = metadataOf(object);
      metadata.labels = { ...metadata.labels, ...copied };
    },
  };
}

function nodeOf({ subresource, object }: Attributes): string | undefined {
  if (subresource === '') return (object as Pod).spec?.nodeName;
  if (subresource !== 'binding') return undefined;
  const target = (object as unknown as Binding).target;
  return target.kind === 'Node' ? target.name : undefined;
}
