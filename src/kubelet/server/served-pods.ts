/** What the kubelet's server needs to know of the pods of the node. */
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
import type { NodeContext } from '../pod/node-context.ts';
import type { ObservedPod } from '../pod/observed.ts';

export interface ServedPods {
  list(): readonly Pod[];
  find(namespace: string, name: string): Pod | undefined;
  /** The newest status, written or not. */
  statusOf(pod: Pod): PodStatus;
  observed(uid: string): ObservedPod;
  /** Calls `callback` after each change of the observation. Gives the way to stop. */
  onChange(uid: string, callback: () => void): () => void;
}

/** Who wants to hear of changes of what the runtime has of a pod. */
export type PodListeners = Set<{ readonly uid: string; readonly callback: () => void }>;

/** `list`: the pods that the kubelet has taken. */
export function servedPods(
  { cache, statuses }: Pick<NodeContext, 'cache' | 'statuses'>,
  listeners: PodListeners,
  list: () => readonly Pod[],
): ServedPods {
  return {
    list,
    find: (namespace, name) => podNamed(list(), namespace, name),
    statusOf: (pod) => statuses.previous(pod),
    observed: (uid) => cache.get(uid),
    onChange: (uid, callback) => {
      const listener = { uid, callback };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function podNamed(pods: readonly Pod[], namespace: string, name: string): Pod | undefined {
  return pods.find(({ metadata }) => metadata?.namespace === namespace && metadata.name === name);
}
