/** Pods of Jobs for tables, in few words. */
import type { Job, JobSpec, JobStatus } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { observe, type Observed } from '#controllers/job/observe.ts';
import { NO_BACKOFF, type Backoff } from '#controllers/job/backoff.ts';
import { at, pod } from './builders.ts';
import { VIRTUAL_START_MS } from './virtual-environment.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';

/**
 * A Pod of the Job `work`. The words of `pod()`, and: `index=0`, `untracked` (no finalizer),
 * `exit=1` (of its container) and `ended=30` (seconds), `failures=2` and `ignored=1` (of its index).
 */
export function jobPod(text: string): Pod {
  const base = pod(text);
  const word = (name: string): string | undefined =>
    new RegExp(`(?:^| )${name}=(\\S+)`).exec(text)?.[1];
  const annotations: Record<string, string> = {};
  const annotate = (name: string, value: string | undefined): void => {
    if (value !== undefined) annotations[name] = value;
  };
  annotate(INDEX, word('index'));
  annotate('batch.kubernetes.io/job-index-failure-count', word('failures'));
  annotate('batch.kubernetes.io/job-index-ignored-failure-count', word('ignored'));
  const ended = word('ended');
  const terminated = {
    exitCode: Number(word('exit') ?? 0),
    ...(ended === undefined ? {} : { finishedAt: at(Number(ended)) }),
  };
  const isOver = ended !== undefined || word('exit') !== undefined;
  const containerStatuses = (base.status?.containerStatuses ?? []).map((status) =>
    isOver ? { ...status, state: { terminated } } : status,
  );
  const finalizers = ['batch.kubernetes.io/job-tracking'];
  return {
    ...base,
    metadata: {
      ...base.metadata,
      annotations,
      ...(text.split(' ').includes('untracked') ? {} : { finalizers }),
    },
    status: { ...base.status, containerStatuses },
  };
}

/** A Job `work` that has been started at the start of virtual time. */
export function jobWith(spec: Partial<JobSpec> = {}, status: JobStatus = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default', uid: 'work', generation: 1 },
    spec: { parallelism: 1, backoffLimit: 6, template: { spec: { containers: [] } }, ...spec },
    status: { startTime: at(0), ...status },
  };
}

export interface Sight {
  readonly job?: Job;
  /** Seconds after the start of virtual time. */
  readonly now?: number;
  readonly backoff?: Backoff;
  readonly removed?: readonly string[];
}

/** What a pass sees of these Pods. */
export function sight(pods: readonly string[], world: Sight = {}): Observed {
  const { job = jobWith(), now = 100, backoff = NO_BACKOFF, removed = [] } = world;
  const nowMs = VIRTUAL_START_MS + now * 1000;
  return observe({ job, pods: pods.map(jobPod), removed: new Set(removed), backoff, nowMs });
}
