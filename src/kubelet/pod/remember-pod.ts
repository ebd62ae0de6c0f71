/** Pods that the API forgot, from what was written on their containers. */
import type { Pod } from '#api/gen/core-v1.ts';
import { rememberedPod } from '../cri/labels.ts';
import type { NodeContext } from './node-context.ts';

/** Of what the runtime has of the pod, as far as stopping needs it. */
export async function rememberPod(
  { cri, cache }: Pick<NodeContext, 'cri' | 'cache'>,
  uid: string,
): Promise<Pod> {
  const { name, namespace, containers } = cache.get(uid);
  let pod: Pod = { metadata: { name, namespace, uid }, spec: { containers: [] } };
  for (const { id } of containers) {
    const { status } = await cri.call('containerStatus', { containerId: id });
    const found = rememberedPod(status?.labels ?? {}, status?.annotations ?? {});
    pod = {
      ...found.pod,
      spec: {
        ...found.pod.spec,
        containers: [...(pod.spec?.containers ?? []), found.container],
      },
    };
  }
  return pod;
}
