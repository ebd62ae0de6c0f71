/**
 * PodResizeValidator: a pod on a node is resized only to what the node can give, and on Linux alone.
 *
 * Source: KEP-1287; upstream plugin/pkg/admission/podresize.
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { compareQuantity, quantityMilli } from '#api/codec/quantity.ts';
import { podRequests } from '#api/core/resources.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, NODES, PODS } from '../targets.ts';

const OS_LABEL = 'kubernetes.io/os';

export function podResize({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    async validate(attributes) {
      const pod = resizedPod(attributes);
      const name = pod?.spec?.nodeName ?? '';
      if (pod === undefined || name === '') return;
      let node = reader.get(NODES, '', name) as Node | undefined;
      if (node === undefined) {
        await reader.catchUp();
        node = reader.get(NODES, '', name) as Node | undefined;
      }
      if (node === undefined) throw refusal(attributes, `node ${JSON.stringify(name)} not found`);
      checkPlatform(attributes, node);
      checkCapacity(attributes, pod, node);
    },
  };
}

/** A pod whose spec this resize changes. */
function resizedPod(attributes: Attributes): Pod | undefined {
  const { operation, subresource, object, old } = attributes;
  if (operation !== 'UPDATE' || subresource !== 'resize' || !isFor(attributes, PODS))
    return undefined;
  return object?.metadata?.generation === old?.metadata?.generation ? undefined : (object as Pod);
}

function checkPlatform(attributes: Attributes, { metadata }: Node): void {
  const os = metadata?.labels?.[OS_LABEL] ?? 'linux';
  if (os === 'linux') return;
  const quoted = [metadata?.name ?? '', os].map((text) => JSON.stringify(text)).join(' is ');
  const message = `pod resize is only supported on linux nodes, node ${quoted}`;
  throw refusal(attributes, message, [{ reason: 'UnsupportedPlatform' }]);
}

function checkCapacity(attributes: Attributes, pod: Pod, { status }: Node): void {
  const requests = podRequests(pod);
  const parts = (['cpu', 'memory'] as const).flatMap((name) => {
    const [asked, given] = [requests[name] ?? '0', status?.allocatable?.[name] ?? '0'];
    if (compareQuantity(asked, given) <= 0) return [];
    const shown = (value: string): number =>
      name === 'cpu' ? quantityMilli(value) : Math.ceil(quantityMilli(value) / 1000);
    return [`${name}, requested: ${shown(asked)}, allocatable: ${shown(given)}`];
  });
  if (parts.length === 0) return;
  const message = `node didn't have enough allocatable resources: ${parts.join('; ')}`;
  throw refusal(attributes, message, [{ reason: 'NodeCapacity' }]);
}
