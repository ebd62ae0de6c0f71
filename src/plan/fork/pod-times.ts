/**
 * How long pods take to start, to stop and to finish: what the cluster shows of the pods that each
 * workload has, and a stated default where it shows nothing.
 */
import { isPodReady, isPodTerminal, isSidecar, podCondition } from '#api/core/pod-helpers.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { PodDelays } from '#kubelet/simulated/simulated-pod.ts';
import { type Owners, workloadText } from './owners.ts';

export interface TimeDefaults {
  /** From a node to ready, of pods of workloads that have no ready one. */
  readonly startMs: number;
  /** From the deletion to the end, unless the grace is shorter. */
  readonly stopMs: number;
}

/** Clusters tell times in whole seconds: what took no time took some of one. */
const TIME_MIN_MS = 1_000;
/** Of which part of the time from the node to ready the containers do not run yet. */
const CREATION_PART = 0.5;
/** A workload whose pods finish is waited for up to so long; beyond that they run for ever. */
const RUN_MAX_MS = 600_000;

export class PodTimes {
  readonly #owners: Owners;
  readonly #defaults: TimeDefaults;
  readonly #starts: ReadonlyMap<string, Sample>;
  readonly #runs: ReadonlyMap<string, Sample>;

  /** `pods`: those of the cluster as it is. */
  constructor(pods: readonly Pod[], owners: Owners, defaults: TimeDefaults) {
    this.#owners = owners;
    this.#defaults = defaults;
    this.#starts = medians(pods, owners, startMsOf);
    this.#runs = medians(pods, owners, runMsOf);
  }

  delaysOf(pod: Pod): PodDelays {
    const owner = this.#ownerOf(pod);
    const known = this.#starts.get(owner)?.medianMs;
    const wholeMs = known ?? this.#defaults.startMs;
    const inits = (pod.spec?.initContainers ?? []).filter((each) => !isSidecar(each)).length;
    const stepMs = Math.round((wholeMs * CREATION_PART) / (inits + 1));
    const restMs = wholeMs - stepMs * (inits + 1);
    // What the cluster shows has the probes in it.
    const probes = known === undefined ? (pod.spec?.containers ?? []).map(probeDelayMs) : [];
    const runMs = this.#runs.get(owner)?.medianMs;
    return {
      startMs: stepMs,
      readyMs: Math.max(restMs, ...probes),
      stopMs: this.#defaults.stopMs,
      ...(runMs === undefined || runMs > RUN_MAX_MS ? {} : { runMs }),
    };
  }

  /** Whether a pod that was found on a node has come to where it will stay. */
  isAsItWillBe(pod: Pod, nowMs: number): boolean {
    if (isPodReady(pod)) return this.delaysOf(pod).runMs === undefined;
    const { startMs, readyMs } = this.delaysOf(pod);
    const inits = pod.spec?.initContainers?.length ?? 0;
    const placedMs = Date.parse(podCondition(pod, 'PodScheduled')?.lastTransitionTime ?? '');
    // What has not become ready in twice its time, or has crashed, is what it is.
    return restartsOf(pod) > 0 || !(nowMs - placedMs < 2 * (startMs * (inits + 1) + readyMs));
  }

  /** In words, for workloads whose pods are named in `asked`. */
  statements(asked: readonly Pod[]): string[] {
    const lines = new Set<string>();
    let usesDefault = false;
    for (const pod of asked) {
      const owner = this.#ownerOf(pod);
      const sample = this.#starts.get(owner);
      if (isToEnd(pod)) lines.add(this.#endOf(pod));
      if (sample === undefined) usesDefault = true;
      else
        lines.add(
          `Pods of ${owner} take ${sample.medianMs / 1000} s from a node to ready, the median of ${sample.count} there.`,
        );
    }
    return [
      ...[...lines].toSorted(),
      ...(usesDefault
        ? [
            `Pods of workloads that have no ready one take ${this.#defaults.startMs / 1000} s from a node to ready, images and all, or what their probes wait for where that is more.`,
          ]
        : []),
      `Pods stop within ${this.#defaults.stopMs / 1000} s, or their grace where that is shorter.`,
      ...(asked.some(hasClaim) ? ['Volumes follow their pods in no time.'] : []),
    ];
  }

  #endOf(pod: Pod): string {
    const { runMs } = this.delaysOf(pod);
    const owner = this.#ownerOf(pod);
    const whose = owner === '' ? `Pod ${pod.metadata?.name ?? ''}` : `Pods of ${owner}`;
    if (runMs === undefined)
      return `${whose} run on: how long they take is not known, or too long.`;
    return `${whose} end well after ${runMs / 1000} s, the median of ${this.#runs.get(owner)?.count ?? 0} there.`;
  }

  #ownerOf(pod: Pod): string {
    return ownerText(pod, this.#owners);
  }
}

interface Sample {
  readonly medianMs: number;
  readonly count: number;
}

function ownerText(pod: Pod, owners: Owners): string {
  const top = owners.topOf(pod);
  return top === undefined ? '' : workloadText(top);
}

function medians(
  pods: readonly Pod[],
  owners: Owners,
  msOf: (pod: Pod) => number | undefined,
): Map<string, Sample> {
  const all = new Map<string, number[]>();
  for (const pod of pods) {
    const owner = ownerText(pod, owners);
    const ms = msOf(pod);
    if (owner === '' || ms === undefined) continue;
    const known = all.get(owner) ?? [];
    known.push(ms);
    all.set(owner, known);
  }
  return new Map(
    [...all].map(([owner, times]) => {
      const sorted = times.toSorted((a, b) => a - b);
      return [owner, { medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0, count: times.length }];
    }),
  );
}

/** Of a pod that started well: undefined for others, which were ready more than once, or never. */
function startMsOf(pod: Pod): number | undefined {
  if (!isPodReady(pod) || restartsOf(pod) > 0) return undefined;
  const placed = podCondition(pod, 'PodScheduled')?.lastTransitionTime ?? '';
  const ready = podCondition(pod, 'Ready')?.lastTransitionTime ?? '';
  return duration(placed, ready);
}

/** From running to the end, of a pod that ended well. */
function runMsOf(pod: Pod): number | undefined {
  if (!isPodTerminal(pod) || pod.status?.phase !== 'Succeeded') return undefined;
  const ended = pod.status.containerStatuses?.[0]?.state?.terminated;
  return duration(ended?.startedAt ?? '', ended?.finishedAt ?? '');
}

function duration(from: string, to: string): number | undefined {
  const ms = Date.parse(to) - Date.parse(from);
  return ms >= 0 ? Math.max(ms, TIME_MIN_MS) : undefined;
}

function hasClaim({ spec }: Pod): boolean {
  return (spec?.volumes ?? []).some(
    ({ persistentVolumeClaim, ephemeral }) =>
      persistentVolumeClaim !== undefined || ephemeral !== undefined,
  );
}

function isToEnd({ spec }: Pod): boolean {
  return spec?.restartPolicy === 'Never' || spec?.restartPolicy === 'OnFailure';
}

function restartsOf({ status }: Pod): number {
  return (status?.containerStatuses ?? []).reduce((sum, each) => sum + each.restartCount, 0);
}

function probeDelayMs({ readinessProbe, startupProbe }: Container): number {
  const seconds = [readinessProbe, startupProbe].map((probe) => probe?.initialDelaySeconds ?? 0);
  return Math.max(...seconds) * 1000;
}
