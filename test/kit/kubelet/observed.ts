/** What the runtime says of pods, for tests that look at one thing of it. */
import type { ObservedContainer, ObservedPod } from '#kubelet/pod/observed.ts';

/** A container that runs, from the beginning. */
export function observedContainer(over: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: 'c1',
    name: 'main',
    sandboxId: 's',
    state: 'running',
    createdMs: 0,
    startedMs: 0,
    finishedMs: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: '',
    imageRef: '',
    restartCount: 0,
    logPath: '',
    ...over,
  };
}

export function observedPod(...containers: readonly ObservedContainer[]): ObservedPod {
  return { uid: 'u', name: 'p', namespace: 'n', sandboxes: [], containers };
}
