/** What the kubelet's server needs to know of the pods of the node. */
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
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
