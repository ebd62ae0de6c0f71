/**
 * The heart of the kubelet: what to do next for a pod that shall run.
 *
 *   Pod spec ──────────┐
 *   observed CRI state ┼─▶ planPod ─▶ kill these, make a sandbox, start those
 *   probe results ─────┘
 *
 * Pure: no clock, no I/O, no memory. Back-off is the worker's; termination is
 * `termination.ts`. Upstream: pkg/kubelet/kuberuntime/kuberuntime_manager.go
 * (computePodActions) and kuberuntime_container.go (computeInitContainerActions), v1.36.
 */
import type { Container, EphemeralContainer, Pod } from '#api/gen/core-v1.ts';
import { containerHash } from './container-hash.ts';
import {
  latestContainer,
  type ObservedContainer,
  type ObservedPod,
  type ObservedSandbox,
} from './observed.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { isToBeStarted, restartsAfterExit } from './restart-policy.ts';

export type ContainerKind = 'init' | 'regular' | 'ephemeral';
export type KillReason = 'livenessProbe' | 'startupProbe' | 'unknown' | 'specChanged' | 'resized';

export interface ContainerStart {
  readonly kind: ContainerKind;
  readonly container: Container | EphemeralContainer;
}

export interface ContainerKill {
  readonly id: string;
  readonly name: string;
  /** The text of the Killing event. */
  readonly message: string;
  readonly reason: KillReason;
}

export interface PodPlan {
  /** Stop all that runs, before anything else: the sandbox is gone, or the pod has ended. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  /** Number of the sandbox to make; of the one in use when none is to be made. */
  readonly sandboxAttempt: number;
  readonly sandbox?: ObservedSandbox;
  readonly kills: readonly ContainerKill[];
  /** In order: ephemeral, init, regular. */
  readonly starts: readonly ContainerStart[];
}

/** The latest verdict of a probe on a container (by id); undefined before the first. */
export interface ProbeVerdicts {
  liveness(containerId: string): boolean | undefined;
  startup(containerId: string): boolean | undefined;
}

/** What is known of the running containers of a pod. */
export interface Verdicts extends ProbeVerdicts {
  /** Ids of those that have to start anew to get other resources. */
  readonly resized: ReadonlySet<string>;
}

export function planPod(pod: Pod, observed: ObservedPod, verdicts: Verdicts): PodPlan {
  const sandbox = planSandbox(pod, observed);
  if (sandbox.create) return planNewSandbox(pod, observed, sandbox.attempt);

  const base = {
    createSandbox: false,
    sandboxAttempt: sandbox.attempt,
    ...(sandbox.current === undefined ? {} : { sandbox: sandbox.current }),
  };
  const ephemeral = planEphemeral(pod, observed);
  const init = planInit(pod, observed, verdicts);
  if (init.failed) return { ...base, killPod: true, kills: init.kills, starts: ephemeral };
  if (!init.done) {
    return { ...base, killPod: false, kills: init.kills, starts: [...ephemeral, ...init.starts] };
  }
  const regular = planRegular(pod, observed, verdicts);
  const ended = regular.kept === 0 && regular.starts.length === 0;
  return {
    ...base,
    killPod: ended,
    kills: [...init.kills, ...regular.kills],
    // Sidecars must not keep a pod alive whose regular containers have all ended.
    starts: [...ephemeral, ...(ended ? [] : init.starts), ...regular.starts],
  };
}

/** Whether the sandbox in use still serves, and which attempt comes next. */
export function planSandbox(
  pod: Pod,
  observed: ObservedPod,
): { readonly create: boolean; readonly attempt: number; readonly current?: ObservedSandbox } {
  const [latest] = observed.sandboxes;
  if (latest === undefined) return { create: true, attempt: 0 };
  const hostNetwork = pod.spec?.hostNetwork === true;
  const readyCount = observed.sandboxes.filter((sandbox) => sandbox.ready).length;
  const fits =
    readyCount === 1 &&
    latest.ready &&
    latest.hostNetwork === hostNetwork &&
    (hostNetwork || latest.ips.length > 0);
  if (fits) return { create: false, attempt: latest.attempt, current: latest };
  return { create: true, attempt: latest.attempt + 1 };
}

function planNewSandbox(pod: Pod, observed: ObservedPod, attempt: number): PodPlan {
  const nothing: PodPlan = {
    killPod: true,
    createSandbox: false,
    sandboxAttempt: attempt,
    kills: [],
    starts: [],
  };
  const ranBefore = attempt !== 0 && observed.containers.length > 0;
  if (pod.spec?.restartPolicy === 'Never' && ranBefore) return nothing;

  const wanted = (pod.spec?.containers ?? []).filter(
    (container) => !(runsUntilSuccess(container, pod) && hasSucceeded(container, observed)),
  );
  if (wanted.length === 0 && hasRegularContainer(pod, observed)) return nothing;
  // From the initial state: with init containers, the first of them.
  const [firstInit] = pod.spec?.initContainers ?? [];
  const starts: ContainerStart[] =
    firstInit === undefined
      ? wanted.map((container) => ({ kind: 'regular', container }))
      : [{ kind: 'init', container: firstInit }];
  return { ...nothing, createSandbox: true, starts };
}

function runsUntilSuccess(container: Container, pod: Pod): boolean {
  return (container.restartPolicy ?? pod.spec?.restartPolicy) === 'OnFailure';
}

function hasSucceeded(container: Container, observed: ObservedPod): boolean {
  const latest = latestContainer(observed, container.name);
  return latest?.state === 'exited' && latest.exitCode === 0;
}

function hasRegularContainer(pod: Pod, observed: ObservedPod): boolean {
  return (pod.spec?.containers ?? []).some(
    (container) => latestContainer(observed, container.name) !== undefined,
  );
}

function planEphemeral(pod: Pod, observed: ObservedPod): ContainerStart[] {
  return (pod.spec?.ephemeralContainers ?? [])
    .filter((container) => latestContainer(observed, container.name) === undefined)
    .map((container) => ({ kind: 'ephemeral', container }));
}

interface InitPlan {
  /** All that must end has ended, and all sidecars have started. */
  done: boolean;
  /** An init container failed for good: the pod fails. */
  failed: boolean;
  kills: ContainerKill[];
  starts: ContainerStart[];
}

/**
 * Walks the init containers from the last to the first: the youngest one that exists says how far
 * the pod has come, even when the runtime forgot the earlier ones.
 */
function planInit(pod: Pod, observed: ObservedPod, verdicts: Verdicts): InitPlan {
  const init = pod.spec?.initContainers ?? [];
  const plan: InitPlan = { done: init.length === 0, failed: false, kills: [], starts: [] };
  if (plan.done) return plan;
  const initialized = (pod.spec?.containers ?? []).some((container) => {
    const state = latestContainer(observed, container.name)?.state;
    return state === 'created' || state === 'running';
  });
  plan.done = initialized;

  // True once a younger container vouches that this one had its turn.
  let passed = initialized;
  for (let i = init.length - 1; i >= 0; i--) {
    const container = init[i];
    if (container === undefined || (passed && !isSidecar(container))) continue;
    const latest = latestContainer(observed, container.name);
    if (latest === undefined) {
      if (passed) plan.starts.unshift({ kind: 'init', container });
      continue;
    }
    const step = planOneInit({ container, latest, pod, verdicts });
    if (step.failed) return { ...plan, done: false, failed: true, starts: [] };
    plan.kills.push(...step.kills);
    const next = init[i + 1];
    if (step.started && next === undefined) plan.done = true;
    if (step.started && next !== undefined && !passed) {
      plan.starts.unshift({ kind: 'init', container: next });
    }
    if (step.restart) plan.starts.unshift({ kind: 'init', container });
    passed = true;
  }
  const [first] = init;
  if (!passed && first !== undefined) plan.starts = [{ kind: 'init', container: first }];
  return plan;
}

interface InitStep {
  /** The next one may start. */
  readonly started: boolean;
  readonly restart: boolean;
  readonly failed: boolean;
  readonly kills: readonly ContainerKill[];
}

const WAIT: InitStep = { started: false, restart: false, failed: false, kills: [] };

function planOneInit(options: {
  readonly container: Container;
  readonly latest: ObservedContainer;
  readonly pod: Pod;
  readonly verdicts: Verdicts;
}): InitStep {
  const { container, latest, pod, verdicts } = options;
  if (latest.state === 'created') return { ...WAIT, restart: true };
  if (latest.state === 'unknown') {
    if (!isSidecar(container) && pod.spec?.restartPolicy === 'Never') {
      return { ...WAIT, failed: true };
    }
    const state = 'unknown';
    const message = `Init container is in "${state}" state, try killing it before restart`;
    return { ...WAIT, restart: true, kills: [kill(latest, message, 'unknown')] };
  }
  if (latest.state === 'exited') {
    if (isSidecar(container)) return { ...WAIT, restart: true };
    if (latest.exitCode === 0) return { ...WAIT, started: true };
    const again = pod.spec !== undefined && restartsAfterExit(container, pod.spec, latest.exitCode);
    return { ...WAIT, restart: again, failed: !again };
  }
  return isSidecar(container) ? planRunningSidecar(container, latest, verdicts) : WAIT;
}

function planRunningSidecar(
  container: Container,
  latest: ObservedContainer,
  verdicts: Verdicts,
): InitStep {
  const restart = (message: string, reason: KillReason): InitStep => ({
    started: reason !== 'startupProbe',
    restart: true,
    failed: false,
    kills: [kill(latest, `Init container ${container.name} ${message}`, reason)],
  });
  if (container.startupProbe !== undefined) {
    const started = verdicts.startup(latest.id);
    if (started === false) return restart('failed startup probe', 'startupProbe');
    if (started === undefined) return WAIT;
  }
  if (isChanged(container, latest)) return restart('definition changed', 'specChanged');
  if (container.livenessProbe !== undefined && verdicts.liveness(latest.id) === false) {
    return restart('failed liveness probe', 'livenessProbe');
  }
  if (verdicts.resized.has(latest.id)) {
    const kills = [kill(latest, resizedMessage(container), 'resized')];
    return { started: true, restart: true, failed: false, kills };
  }
  return { ...WAIT, started: true };
}

function planRegular(pod: Pod, observed: ObservedPod, verdicts: Verdicts) {
  const starts: ContainerStart[] = [];
  const kills: ContainerKill[] = [];
  let kept = 0;
  for (const container of pod.spec?.containers ?? []) {
    const latest = latestContainer(observed, container.name);
    if (latest === undefined || latest.state !== 'running') {
      if (!isToBeStarted(container, pod, observed)) continue;
      starts.push({ kind: 'regular', container });
      if (latest?.state === 'unknown') {
        const message = `Container is in "${latest.state}" state, try killing it before restart`;
        kills.push(kill(latest, message, 'unknown'));
      }
      continue;
    }
    const fault = faultOf(container, latest, verdicts);
    if (fault === undefined) {
      kept++;
      continue;
    }
    const policy = container.restartPolicy ?? pod.spec?.restartPolicy;
    const isWanted = fault.reason === 'specChanged' || fault.reason === 'resized';
    const restart = isWanted || policy !== 'Never';
    if (restart) starts.push({ kind: 'regular', container });
    const isSaid = fault.reason === 'resized';
    const message = restart && !isSaid ? `${fault.message}, will be restarted` : fault.message;
    kills.push(kill(latest, message, fault.reason));
  }
  return { starts, kills, kept };
}

/** Why a running container must be stopped, if it must. */
function faultOf(
  container: Container,
  latest: ObservedContainer,
  verdicts: Verdicts,
): { readonly message: string; readonly reason: KillReason } | undefined {
  if (isChanged(container, latest)) {
    return { message: `Container ${container.name} definition changed`, reason: 'specChanged' };
  }
  if (verdicts.liveness(latest.id) === false) {
    return {
      message: `Container ${container.name} failed liveness probe`,
      reason: 'livenessProbe',
    };
  }
  if (verdicts.startup(latest.id) === false) {
    return { message: `Container ${container.name} failed startup probe`, reason: 'startupProbe' };
  }
  if (verdicts.resized.has(latest.id)) {
    return { message: resizedMessage(container), reason: 'resized' };
  }
  return undefined;
}

function resizedMessage({ name }: Container): string {
  return `Container ${name} resize requires restart`;
}

function isChanged(container: Container, latest: ObservedContainer): boolean {
  return latest.hash !== undefined && latest.hash !== containerHash(container);
}

function kill(latest: ObservedContainer, message: string, reason: KillReason): ContainerKill {
  return { id: latest.id, name: latest.name, message, reason };
}
