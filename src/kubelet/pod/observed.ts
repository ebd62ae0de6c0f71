/**
 * What the runtime knows of one pod: its sandboxes and containers, as plain data.
 *
 * This is the second argument of every decision (`plan.ts`, `status.ts`); the first is the Pod.
 * It is filled from CRI by `cri/observe.ts` and holds nothing that a restart of the kubelet
 * would lose.
 */

export type ContainerRunState = 'created' | 'running' | 'exited' | 'unknown';

/** What a container was given, as CRI says it; 0 for what is not limited. */
export interface RuntimeResources {
  readonly cpuShares: number;
  /** Microseconds in each period. */
  readonly cpuQuota: number;
  readonly cpuPeriod: number;
  readonly memoryLimitBytes: number;
}

export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly state: ContainerRunState;
  /** Milliseconds since 1970; 0 when it has not happened. */
  readonly createdMs: number;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, ... as the runtime says. */
  readonly reason: string;
  /** The runtime's message, or the termination message of the container. */
  readonly message: string;
  /** The image as the runtime names it, and its reference (ImageID of the status). */
  readonly image: string;
  readonly imageRef: string;
  /** Of the spec it was made from; undefined when the annotation is not ours. */
  readonly hash?: string;
  readonly restartCount: number;
  /** Absolute path of the log file. */
  readonly logPath: string;
  /** Undefined when the runtime does not say. */
  readonly resources?: RuntimeResources;
}

export interface ObservedSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdMs: number;
  readonly hostNetwork: boolean;
  /** Empty on the host network, and when the network could not be made. */
  readonly ips: readonly string[];
}

export interface ObservedPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** Youngest first. */
  readonly sandboxes: readonly ObservedSandbox[];
  /** Youngest first, of all sandboxes. */
  readonly containers: readonly ObservedContainer[];
}

export function emptyObservation(uid: string, name: string, namespace: string): ObservedPod {
  return { uid, name, namespace, sandboxes: [], containers: [] };
}

/** Something was made of it. */
export function wasStarted({ sandboxes, containers }: ObservedPod): boolean {
  return sandboxes.length + containers.length > 0;
}

/** The youngest container of that name. */
export function latestContainer(
  observed: ObservedPod,
  name: string,
): ObservedContainer | undefined {
  return observed.containers.find((container) => container.name === name);
}

/** The addresses of the sandbox that is in use. */
export function observedIps(observed: ObservedPod): readonly string[] {
  return observed.sandboxes.find((sandbox) => sandbox.ready)?.ips ?? [];
}

/** Whether anything of the pod may still run: a sandbox that is ready, a container not exited. */
export function isAnythingAlive(observed: ObservedPod): boolean {
  return (
    observed.sandboxes.some((sandbox) => sandbox.ready) ||
    observed.containers.some((container) => container.state === 'running')
  );
}
