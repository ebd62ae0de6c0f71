/** Jobs for stories: how they are made, how their Pods end, and what is said of them. */
import { JOB } from '#api/batch/job.ts';
import { EVENT } from '#api/core/event.ts';
import { POD } from '#api/core/pod.ts';
import type { Job, JobSpec } from '#api/gen/batch-v1.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { TestCluster } from './cluster.ts';

export interface Work {
  /** Simulated Pods end after so long; they run for ever unless given. */
  readonly runMs?: number;
  readonly exitCode?: number;
  readonly pod?: Partial<PodSpec>;
}

/** A Job `work` of `default`. */
export function job(spec: Partial<JobSpec>, { runMs, exitCode = 0, pod }: Work = {}): Job {
  const annotations =
    runMs === undefined
      ? {}
      : {
          'coxswain.dev/simulated-run-ms': String(runMs),
          'coxswain.dev/simulated-exit-code': String(exitCode),
        };
  const containers = [{ name: 'main', image: 'work' }];
  return {
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      ...spec,
      template: {
        metadata: { labels: { app: 'work' }, annotations },
        spec: { restartPolicy: 'Never', containers, ...pod },
      },
    },
  };
}

export function readJob(cluster: TestCluster): Promise<Job> {
  return cluster.get(JOB, 'work', 'default');
}

/** All Pods, by name; an indexed Job's are by index then. */
export async function podsOf(cluster: TestCluster): Promise<Pod[]> {
  const pods = await cluster.list(POD, 'default');
  return pods.sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
}

/** Those that have neither ended nor begun to. */
export async function activePods(cluster: TestCluster): Promise<Pod[]> {
  return (await podsOf(cluster)).filter(
    ({ metadata, status }) =>
      metadata?.deletionTimestamp === undefined &&
      status?.phase !== 'Succeeded' &&
      status?.phase !== 'Failed',
  );
}

/** Lets a Pod end, as a kubelet would report it. */
export function endPod(
  cluster: TestCluster,
  { metadata }: Pod,
  end: { readonly exitCode: number; readonly condition?: string },
): Promise<Pod> {
  const finishedAt = new Date(cluster.environment.clock.now()).toISOString();
  const { exitCode, condition } = end;
  const state = { terminated: { exitCode, finishedAt, startedAt: finishedAt } };
  const status = {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    containerStatuses: [
      { name: 'main', image: 'work', imageID: '', ready: false, restartCount: 0, state },
    ],
    ...(condition === undefined ? {} : { conditions: [{ type: condition, status: 'True' }] }),
  };
  const { name = '', namespace = '' } = metadata ?? {};
  const target = { name, namespace };
  const options = { subresource: 'status' };
  return cluster.run(cluster.client.patch(POD, target, 'strategic', { status }, options));
}

/** `Complete=True CompletionsReached: Reached …`, in the order in which they were added. */
export function conditionsOf({ status }: Job): string[] {
  return (status?.conditions ?? []).map(
    ({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`,
  );
}

/** `Normal Completed: Job completed`, of objects of a kind. */
export async function eventsAbout(cluster: TestCluster, kind: string): Promise<string[]> {
  const events = await cluster.list(EVENT, 'default');
  return events
    .filter(({ involvedObject }) => involvedObject.kind === kind)
    .map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}
