/** The Table columns of pods. Upstream: pkg/printers/internalversion/printers.go (printPod). */
import type { ContainerState, ContainerStatus, Pod } from '#api/gen/core-v1.ts';
import type { Column } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import { timeSince } from '../meta/duration.ts';
import { isSidecar, podCondition } from './pod-helpers.ts';

/** What `kubectl get pods` says about a pod, from its container statuses. */
interface Summary {
  reason: string;
  ready: number;
  total: number;
  restarts: number;
  /** When a container ended last, RFC 3339; empty when none did. */
  lastRestart: string;
}

function ended(state: ContainerState | undefined): string {
  const terminated = state?.terminated;
  if (terminated?.reason) return terminated.reason;
  return terminated?.signal
    ? `Signal:${terminated.signal}`
    : `ExitCode:${terminated?.exitCode ?? 0}`;
}

function countRestarts(summary: Summary, status: ContainerStatus): void {
  summary.restarts += status.restartCount ?? 0;
  const finished = status.lastState?.terminated?.finishedAt ?? '';
  if (finished > summary.lastRestart) summary.lastRestart = finished;
}

/** Why initialization has not gone on past this container; undefined when it has. */
function initReason(pod: Pod, status: ContainerStatus, position: number): string | undefined {
  const { terminated, waiting } = status.state ?? {};
  if (terminated !== undefined && (terminated.exitCode ?? 0) === 0) return undefined;
  if (terminated !== undefined) return `Init:${ended(status.state)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${position}/${pod.spec?.initContainers?.length ?? 0}`;
}

/** Answers whether the pod is still initializing. `sidecars` collects restarts of sidecars. */
function readInitContainers(pod: Pod, summary: Summary, sidecars: Summary): boolean {
  const specs = new Map(
    (pod.spec?.initContainers ?? []).map((container) => [container.name, container]),
  );
  for (const [i, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(specs.get(status.name));
    countRestarts(summary, status);
    if (sidecar) countRestarts(sidecars, status);
    const succeeded =
      status.state?.terminated !== undefined && (status.state.terminated.exitCode ?? 0) === 0;
    if (!succeeded && sidecar && status.started === true) {
      if (status.ready) summary.ready += 1;
      continue;
    }
    const reason = initReason(pod, status, i);
    if (reason === undefined) continue;
    summary.reason = reason;
    return true;
  }
  return false;
}

function readContainers(pod: Pod, summary: Summary): void {
  let running = false;
  let failure = '';
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    countRestarts(summary, status);
    const { waiting, terminated } = status.state ?? {};
    if (waiting?.reason) summary.reason = waiting.reason;
    else if (terminated !== undefined) {
      summary.reason = ended(status.state);
      if ((terminated.exitCode ?? 0) !== 0) failure = summary.reason;
    } else if (status.ready && status.state?.running !== undefined) {
      running = true;
      summary.ready += 1;
    }
  }
  if (summary.reason !== 'Completed') return;
  if (running && podCondition(pod, 'Ready')?.status === 'True') summary.reason = 'Running';
  else if (failure !== '') summary.reason = failure;
  else if (running) summary.reason = 'NotReady';
}

function summarize(pod: Pod): Summary {
  const { status, spec } = pod;
  const total =
    (spec?.containers ?? []).length + (spec?.initContainers ?? []).filter(isSidecar).length;
  const summary: Summary = {
    reason: status?.reason || status?.phase || '',
    ready: 0,
    total,
    restarts: 0,
    lastRestart: '',
  };
  const gated = status?.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  if (gated === true) summary.reason = 'SchedulingGated';
  const sidecars: Summary = { ...summary };
  const initializing = readInitContainers(pod, summary, sidecars);
  if (!initializing || podCondition(pod, 'Initialized')?.status === 'True') {
    summary.restarts = sidecars.restarts;
    summary.lastRestart = sidecars.lastRestart;
    readContainers(pod, summary);
  }
  if (pod.metadata?.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') summary.reason = 'Unknown';
    else if (status?.phase !== 'Failed' && status?.phase !== 'Succeeded')
      summary.reason = 'Terminating';
  }
  return summary;
}

function restartsText(pod: Pod, nowMs: number): string {
  const { restarts, lastRestart } = summarize(pod);
  if (restarts === 0 || lastRestart === '') return String(restarts);
  return `${restarts} (${timeSince(lastRestart, nowMs)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const passed = gates.filter(
    ({ conditionType }) => podCondition(pod, conditionType)?.status === 'True',
  );
  return `${passed.length}/${gates.length}`;
}

export const POD_COLUMNS: readonly Column<Pod>[] = [
  NAME_COLUMN,
  column('Ready', (pod) => {
    const { ready, total } = summarize(pod);
    return `${ready}/${total}`;
  }),
  column('Status', (pod) => summarize(pod).reason),
  column('Restarts', restartsText),
  AGE_COLUMN,
  wideColumn('IP', ({ status }) => status?.podIPs?.[0]?.ip || '<none>'),
  wideColumn('Node', ({ spec }) => spec?.nodeName || '<none>'),
  wideColumn('Nominated Node', ({ status }) => status?.nominatedNodeName || '<none>'),
  wideColumn('Readiness Gates', readinessGates),
];
