/**
 * `/pods`, those that are to run here, and `/runningpods/`, those that the runtime has.
 *
 * Upstream: pkg/kubelet/server/server.go (getPods, getRunningPods), pkg/kubelet/container
 * (Pod.ToAPIPod), v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { isAnythingAlive, type ObservedPod } from '../pod/observed.ts';
import { jsonResponse } from './responses.ts';
import type { ServedPods } from './served-pods.ts';

export function servePods(pods: ServedPods): HttpResponse {
  return podList(pods.list().map((pod) => ({ ...pod, status: pods.statusOf(pod) })));
}

export function serveRunningPods(observed: readonly ObservedPod[]): HttpResponse {
  return podList(observed.filter(isAnythingAlive).map(runningPod));
}

/** What runs of it, and no more than the runtime knows. */
function runningPod({ uid, name, namespace, containers }: ObservedPod): Pod {
  const running = containers.filter(({ state }) => state === 'running');
  return {
    metadata: { name, namespace, uid },
    spec: { containers: running.map(({ name: container, image }) => ({ name: container, image })) },
    status: {},
  };
}

function podList(items: readonly Pod[]): HttpResponse {
  return jsonResponse({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
}
