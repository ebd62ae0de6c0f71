/**
 * The control plane's pods, as the runtime has them: ended by whoever needs them gone while no
 * kubelet looks after them.
 */
import type { GrpcChannel } from '#base/grpc.ts';
import { createCri } from '#kubelet/cri/cri.ts';

const LABELS = { 'io.kubernetes.pod.namespace': 'kube-system' };
const COMPONENT = 'io.kubernetes.container.name';
/** In this order: who leads gives its lease back while there is an API server. */
const STEPS = [['kube-controller-manager', 'kube-scheduler'], ['kube-apiserver']];
const GRACE_SECONDS = 5;
const CALL_MS = 20_000;

/** Ends their containers, with some grace. Rejects where the runtime does. */
export async function stopControlPlane(channel: GrpcChannel): Promise<void> {
  const cri = createCri(channel);
  const filter = { labelSelector: LABELS };
  const { containers } = await cri.call('listContainers', { filter });
  for (const step of STEPS) {
    const ending = (containers ?? []).filter(({ labels }) =>
      step.includes(labels?.[COMPONENT] ?? ''),
    );
    await Promise.all(
      ending.map(({ id }) =>
        cri.call(
          'stopContainer',
          { containerId: id ?? '', timeout: GRACE_SECONDS },
          { timeoutMs: CALL_MS },
        ),
      ),
    );
  }
}
