/**
 * The phase of a pod, from the states of its containers.
 *
 * Source: API reference v1.36, PodPhase. Upstream: pkg/kubelet/kubelet_pods.go (getPhase).
 */
import type {
  Container,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  PodPhase,
  PodSpec,
} from '#api/gen/core-v1.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { RESTARTING_ALL_REASON } from './restart-all.ts';
import { restartsAfterExit } from './restart-policy.ts';

type Statuses = ReadonlyMap<string, ContainerStatus>;

export interface PhaseInput {
  readonly pod: Pod;
  readonly statuses: readonly ContainerStatus[];
  /** All has been stopped and nothing will start again, whatever the restart policy says. */
  readonly terminal: boolean;
  /** A regular container has been started before. */
  readonly initialized: boolean;
}

export function podPhase({ pod, statuses, terminal, initialized }: PhaseInput): PodPhase {
  const { spec } = pod;
  if (spec === undefined) return 'Pending';
  const byName: Statuses = new Map(statuses.map((status) => [status.name, status]));
  const init = spec.initContainers ?? [];
  const setup = tallyInit(
    init.filter((container) => !isSidecar(container)),
    spec,
    byName,
  );
  if (setup.failedForGood) return 'Failed';
  const sidecars = tallySidecars(init.filter(isSidecar), byName);
  const regular = tallyRegular(spec, byName);

  const running = sidecars.running + regular.running;
  const unknown = sidecars.unknown + regular.unknown;
  if (setup.pending > 0 || (sidecars.pending > 0 && !initialized)) return 'Pending';
  if (sidecars.waiting + regular.waiting > 0) return 'Pending';
  if (running > 0 && unknown === 0) return 'Running';
  if (running > 0 || regular.stopped === 0 || unknown > 0) return 'Pending';
  if (!terminal && regular.stopped !== regular.stoppedForGood) return 'Running';
  return regular.stopped === regular.succeeded ? 'Succeeded' : 'Failed';
}

/** The exit that counts: of the container that ended, or of the one before it that waits. */
function lastExitCode(status: ContainerStatus): number | undefined {
  return lastExit(status)?.exitCode;
}

function lastExit({ state, lastState }: ContainerStatus): ContainerStateTerminated | undefined {
  if (state?.terminated !== undefined) return state.terminated;
  return state?.waiting === undefined ? undefined : lastState?.terminated;
}

/** Whether it runs again after an exit: by its policy, or because the whole pod begins anew. */
function comesBack(
  container: Container,
  spec: PodSpec,
  status: ContainerStatus | undefined,
): boolean {
  const exit = status === undefined ? undefined : lastExit(status);
  if (exit?.reason === RESTARTING_ALL_REASON) return true;
  return exit !== undefined && restartsAfterExit(container, spec, exit.exitCode ?? 0);
}

function tallyInit(containers: readonly Container[], spec: PodSpec, byName: Statuses) {
  let pending = 0;
  let failedForGood = false;
  for (const container of containers) {
    const status = byName.get(container.name);
    const exitCode = status === undefined ? undefined : lastExitCode(status);
    if (exitCode === undefined) pending++;
    else if (exitCode !== 0 && !comesBack(container, spec, status)) failedForGood = true;
  }
  return { pending, failedForGood };
}

/** Sidecars that ended are of no account. */
function tallySidecars(containers: readonly Container[], byName: Statuses) {
  const tally = { pending: 0, running: 0, waiting: 0, unknown: 0 };
  for (const container of containers) {
    const status = byName.get(container.name);
    if (status === undefined) {
      tally.unknown++;
    } else if (status.state?.running !== undefined) {
      tally.running++;
      if (status.started !== true) tally.pending++;
    } else if (status.state?.terminated === undefined) {
      if (lastExitCode(status) !== undefined) continue;
      tally.pending++;
      if (status.state?.waiting !== undefined) tally.waiting++;
      else tally.unknown++;
    }
  }
  return tally;
}

function tallyRegular(spec: PodSpec, byName: Statuses) {
  const tally = {
    running: 0,
    waiting: 0,
    stopped: 0,
    stoppedForGood: 0,
    succeeded: 0,
    unknown: 0,
  };
  for (const container of spec.containers) {
    const status = byName.get(container.name);
    const exitCode = status === undefined ? undefined : lastExitCode(status);
    if (status?.state?.running !== undefined) {
      tally.running++;
    } else if (exitCode !== undefined) {
      tally.stopped++;
      if (!comesBack(container, spec, status)) tally.stoppedForGood++;
      if (exitCode === 0 && status?.state?.terminated !== undefined) tally.succeeded++;
    } else if (status?.state?.waiting !== undefined) {
      tally.waiting++;
    } else {
      tally.unknown++;
    }
  }
  return tally;
}
