/** Pods with one real container that starts at once and does nothing. */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { SANDBOX_IMAGE } from '#cli/node-layout.ts';
import type { RestClient } from '#client/rest.ts';
import { NAMESPACE, type PodWatch } from './pods.ts';

const TIMEOUT_MS = 120_000;
const APP = 'bench';
/** Finds them all. */
export const REAL_PODS_SELECTOR = `app=${APP}`;

/** How long each of these pods took, counted from the first request. */
export async function createAndWait(
  client: RestClient,
  pods: PodWatch,
  names: readonly string[],
): Promise<number[]> {
  const all = pods.count('running') + names.length;
  const beganMs = performance.now();
  await Promise.all([
    pods.until('running', all, TIMEOUT_MS),
    ...names.map((name) => client.create(POD, podOf(name))),
  ]);
  return names.map((name) => (pods.momentOf('running', name) ?? Number.NaN) - beganMs);
}

/** So that the next pods meet the node as the first did. */
export async function deleteAll(client: RestClient, pods: PodWatch, count: number): Promise<void> {
  const gone = pods.until('gone', count, TIMEOUT_MS);
  const selection = { namespace: NAMESPACE, labelSelector: REAL_PODS_SELECTOR };
  await Promise.all([gone, client.deleteCollection(POD, selection, { gracePeriodSeconds: 1 })]);
  pods.reset();
}

/** Why there can be none on this machine; undefined: there can. */
export function whyNoRealPods(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

/** The image that every node has: the one of the pods' sandboxes. It starts, and does nothing. */
export function podOf(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { app: APP } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: SANDBOX_IMAGE, imagePullPolicy: 'Never' }],
    },
  };
}
