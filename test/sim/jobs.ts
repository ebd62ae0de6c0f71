/**
 * Jobs, with and without indexes.
 *
 *   while it runs   no success is counted that was not there, and none is let go uncounted: a Pod
 *                   that succeeded loses its finalizer only when its Job's status has it
 *   at the end      all that are not suspended are complete, with every success counted once
 */
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { job } from '#kit/jobs.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const FINALIZER = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';
/** Failures that nothing has made good for may cost a Job several back-offs. */
const PATIENCE_MS = 7_200_000;
const STEP_MS = 60_000;
/** Pods take up to 2 s to end, and the controller counts a second later. */
const AFTER_PODS_MS_MAX = 4_000;

export class Jobs implements Cast {
  readonly actions = [
    [4, () => this.#start()],
    [2, () => this.#scale()],
    [2, () => this.#suspend()],
    [1, () => this.#delete()],
    [1, () => this.#deleteWithPods()],
  ] as const;
  readonly #stage: Stage;
  /** Jobs and Pods as the store has them, and by Job (uid) all Pods that ever succeeded. */
  readonly #jobs = new Map<string, Job>();
  readonly #pods = new Map<string, Pod>();
  readonly #succeeded = new Map<string, Set<string>>();
  #count = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    await this.#start();
    await this.#start();
  }

  disturb(): void {}

  saw({ resource, type, object }: StoreChange): void {
    const uid = object.metadata?.uid ?? '';
    if (resource === 'jobs') {
      this.#jobs.set(uid, object as Job);
      if (type === 'delete') this.#jobs.delete(uid);
      else this.#checkCounts(object as Job);
    } else if (resource === 'pods' && controllerOf(object)?.kind === 'Job') {
      this.#sawPod(object as Pod);
      if (type === 'delete') this.#pods.delete(uid);
    }
  }

  #sawPod(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const owner = controllerOf(pod)?.uid ?? '';
    const before = this.#pods.get(uid);
    this.#pods.set(uid, pod);
    if (pod.status?.phase !== 'Succeeded') return;
    const all = this.#succeeded.get(owner);
    if (all === undefined) this.#succeeded.set(owner, new Set([uid]));
    else all.add(uid);
    const holder = this.#jobs.get(owner);
    const isReleased = before !== undefined && isTracked(before) && !isTracked(pod);
    const hadEnded = before?.status?.phase === 'Succeeded';
    if (isReleased && hadEnded && holder !== undefined && !isCounted(pod, holder))
      this.#stage.violated(`Pod ${pod.metadata?.name} succeeded, and is let go uncounted`);
  }

  #checkCounts({ metadata, status, spec }: Job): void {
    const listed = status?.uncountedTerminatedPods?.succeeded?.length ?? 0;
    const counted = (status?.succeeded ?? 0) + listed;
    const ended = this.#succeeded.get(metadata?.uid ?? '')?.size ?? 0;
    if (counted > ended)
      this.#stage.violated(`${metadata?.name} counts ${counted} successes of ${ended}`);
    const isIndexed = spec?.completionMode === 'Indexed';
    if (isIndexed && indexesOf(status?.completedIndexes ?? '').size !== (status?.succeeded ?? 0))
      this.#stage.violated(`${metadata?.name} counts ${status?.completedIndexes} as ${counted}`);
  }

  async #start(): Promise<void> {
    const { random, say, cluster } = this.#stage;
    const name = `work-${++this.#count}`;
    const completionMode = random.pick(['Indexed', 'NonIndexed'] as const);
    const limits = { completions: 1 + random.below(6), parallelism: 1 + random.below(4) };
    const podReplacementPolicy = random.pick(['Failed', 'TerminatingOrFailed'] as const);
    const spec = { ...limits, completionMode, podReplacementPolicy, backoffLimit: 1_000 };
    say(`start ${name} ${JSON.stringify(limits)} ${completionMode} ${podReplacementPolicy}`);
    const made = job(spec, { runMs: 500 + random.below(9_000) });
    await cluster.create(JOB, { ...made, metadata: { name, namespace: 'default' } });
  }

  /** Not those of CronJobs. */
  async #mine(): Promise<Job[]> {
    const all = await this.#stage.cluster.list(JOB, 'default');
    return all.filter((each) => controllerOf(each) === undefined);
  }

  async #some(): Promise<Job | undefined> {
    const { random } = this.#stage;
    const all = (await this.#mine()).filter((each) => !isOver(each));
    return all.length === 0 ? undefined : random.pick(all);
  }

  async #scale(): Promise<void> {
    const { random, say, cluster } = this.#stage;
    const subject = await this.#some();
    if (subject === undefined) return;
    const parallelism = 1 + random.below(5);
    say(`scale ${subject.metadata?.name} to ${parallelism}`);
    await cluster.patch(JOB, subject, { spec: { parallelism } });
  }

  async #suspend(): Promise<void> {
    const { say, cluster } = this.#stage;
    const subject = await this.#some();
    if (subject === undefined) return;
    const suspend = subject.spec?.suspend !== true;
    say(`${suspend ? 'suspend' : 'resume'} ${subject.metadata?.name}`);
    await cluster.patch(JOB, subject, { spec: { suspend } });
  }

  async #delete(): Promise<void> {
    const { random, say, cluster } = this.#stage;
    const subject = await this.#some();
    if (subject === undefined) return;
    const propagationPolicy = random.pick(['Background', 'Foreground'] as const);
    say(`delete ${subject.metadata?.name} (${propagationPolicy})`);
    await cluster.delete(JOB, subject, { propagationPolicy });
  }

  /** Somebody deletes the Pods, and the Job while they end or have just ended. */
  async #deleteWithPods(): Promise<void> {
    const { random, say, cluster } = this.#stage;
    const subject = await this.#some();
    if (subject === undefined) return;
    const afterMs = random.below(AFTER_PODS_MS_MAX);
    say(`delete the Pods of ${subject.metadata?.name}, and after ${afterMs} ms itself`);
    for (const pod of await cluster.list(POD, 'default'))
      if (controllerOf(pod)?.uid === subject.metadata?.uid) await cluster.delete(POD, pod);
    await cluster.advance(afterMs);
    await cluster.delete(JOB, subject, { propagationPolicy: 'Background' });
  }

  async waitForLast(): Promise<void> {
    const { cluster } = this.#stage;
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += STEP_MS) {
      const open = (await this.#mine()).filter((each) => !isAtRest(each));
      if (open.length === 0) return;
      await cluster.advance(STEP_MS);
    }
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const jobs = await this.#mine();
    const open = jobs.find((each) => !isAtRest(each));
    if (open !== undefined) throw new Error(`${open.metadata?.name} does not end`);
    const uids = new Set(jobs.map(({ metadata }) => metadata?.uid));
    return pods.filter((pod) => uids.has(controllerOf(pod)?.uid));
  }
}

const isTracked = ({ metadata }: Pod): boolean =>
  metadata?.finalizers?.includes(FINALIZER) === true;

function isOver({ metadata, status }: Job): boolean {
  const isFinished = status?.conditions?.some(
    ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
  );
  return isFinished === true || metadata?.deletionTimestamp !== undefined;
}

/** Complete, or suspended without Pods. */
function isAtRest(subject: Job): boolean {
  const { active = 0, uncountedTerminatedPods: left = {} } = subject.status ?? {};
  const isComplete = subject.status?.conditions?.some(({ type }) => type === 'Complete') === true;
  const isAsleep = subject.spec?.suspend === true && active === 0;
  return (isComplete || isAsleep) && Object.keys(left).length === 0;
}

/** Its uid is on a list of the status, its index is, or the Job is over. */
function isCounted(pod: Pod, holder: Job): boolean {
  const { succeeded = [], failed = [] } = holder.status?.uncountedTerminatedPods ?? {};
  const index = Number(pod.metadata?.annotations?.[INDEX] ?? Number.NaN);
  return (
    isOver(holder) ||
    [...succeeded, ...failed].includes(pod.metadata?.uid ?? '') ||
    indexesOf(holder.status?.completedIndexes ?? '').has(index)
  );
}

function indexesOf(text: string): Set<number> {
  const indexes = new Set<number>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (let index = first; index <= last; index++) indexes.add(index);
  }
  return indexes;
}
