/** One workload on one subject: its nodes, the pods before, and the pods that are measured. */
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { RestClient } from '#client/rest.ts';
import { usageOf } from '../measure.ts';
import { Arrivals, jsonRequest, Requests } from '../requests.ts';
import { untilTrue } from '../wait.ts';
import { beginChurn } from './churn.ts';
import { beginDeleting } from './deleting.ts';
import type { RunningScheduler } from './subject.ts';
import type { Batch, Workload } from './workloads.ts';

/** As many as upstream's bench has requests under way. */
const CONNECTIONS = 30;
/** Pods that come before the measured ones. */
const BEFORE_TIMEOUT_MS = 600_000;
/** After this long those that are bound are counted, and the rest is not waited for. */
const MEASURE_MAX_MS = 180_000;

export interface Throughput {
  readonly podsPerSecond: number;
  /** Processor time of all processes of the subject for a thousand pods. */
  readonly cpuMsPerThousand: number;
  /** The scheduler's; NaN: it has no process of its own. */
  readonly schedulerMsPerThousand: number;
  /** Of the bench itself meanwhile, in parts of a core. */
  readonly loadPercent: number;
}

export async function measureWorkload(
  running: RunningScheduler,
  workload: Workload,
): Promise<Throughput> {
  const { client, target } = running;
  await makeNamespaces(client, workload);
  const requests = await Requests.open(target, CONNECTIONS);
  const ending = new AbortController();
  const background: Promise<void>[] = [];
  try {
    const nodes = workload.nodes.map((node) => jsonRequest('POST', '/api/v1/nodes', node));
    await requests.send(nodes.length, (index) => nodes[index] ?? Buffer.alloc(0));
    for (const batch of workload.before) {
      await createBound(running, requests, batch);
      if (batch.deletedPerSecond !== undefined)
        background.push(beginDeleting(client, batch, ending.signal));
    }
    if (workload.churn !== undefined)
      background.push(
        beginChurn(client, { ...workload.churn, namespace: CHURN_NAMESPACE }, ending.signal),
      );
    const failed = Promise.all(background).then(() => new Promise<never>(() => {}));
    return await Promise.race([measure(running, requests, workload.measured), failed]);
  } finally {
    ending.abort();
    await Promise.allSettled(background);
    requests.close();
  }
}

const CHURN_NAMESPACE = 'churn';

async function makeNamespaces(client: RestClient, workload: Workload): Promise<void> {
  const names = new Set([
    ...workload.before.map(({ namespace }) => namespace),
    workload.measured.namespace,
    ...(workload.churn === undefined ? [] : [CHURN_NAMESPACE]),
  ]);
  for (const name of names) await client.create(NAMESPACE, { metadata: { name } });
}

function podsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

/** The pods of a namespace that have a node. */
function watchBound({ target }: RunningScheduler, namespace: string): Promise<Arrivals> {
  return Arrivals.open(target, `${podsPath(namespace)}?fieldSelector=spec.nodeName%21%3D`);
}

function send(requests: Requests, { namespace, pod, count }: Batch): Promise<void> {
  const request = jsonRequest('POST', podsPath(namespace), pod);
  return requests.send(count, () => request);
}

/** Until each has a node, or has been tried. */
async function createBound(
  running: RunningScheduler,
  requests: Requests,
  batch: Batch,
): Promise<void> {
  const bound = await watchBound(running, batch.namespace);
  try {
    await send(requests, batch);
    const what = `${batch.count} pods to be bound`;
    if (batch.isBound) await bound.until(batch.count, { timeoutMs: BEFORE_TIMEOUT_MS, what });
    else await untilAttempted(running.client, batch);
  } finally {
    bound.close();
  }
}

const LOOK_MS = 200;

/** Until the scheduler has said of each that it waits. */
async function untilAttempted(client: RestClient, { namespace, count }: Batch): Promise<void> {
  const wasTried = ({ status }: Pod): boolean =>
    status?.conditions?.some(({ type }) => type === 'PodScheduled') === true;
  await untilTrue(
    async () => {
      const { items } = await client.list(POD, { namespace });
      return items.filter(wasTried).length >= count;
    },
    { timeoutMs: BEFORE_TIMEOUT_MS, what: `${count} pods to be tried`, everyMs: LOOK_MS },
  );
}

async function measure(
  running: RunningScheduler,
  requests: Requests,
  batch: Batch,
): Promise<Throughput> {
  const { pids, schedulerPid } = running;
  const bound = await watchBound(running, batch.namespace);
  const schedulerPids = schedulerPid === undefined ? [] : [schedulerPid];
  const ownCpu = process.cpuUsage();
  const before = usageOf(pids).cpuSeconds;
  const schedulerBefore = usageOf(schedulerPids).cpuSeconds;
  const beganMs = performance.now();
  try {
    const created = send(requests, batch);
    const patience = { timeoutMs: MEASURE_MAX_MS, what: `${batch.count} pods to be bound` };
    const all = bound.until(batch.count, patience);
    const endMs = await Promise.race([all, created.then(() => new Promise<never>(() => {}))]).catch(
      (error: unknown) => {
        // Some is better than none: the rate of those that came.
        if (performance.now() - beganMs < MEASURE_MAX_MS || bound.count === 0) throw error;
        return performance.now();
      },
    );
    const thousands = bound.count / 1_000;
    const seconds = (endMs - beganMs) / 1_000;
    const { user, system } = process.cpuUsage(ownCpu);
    const used = (usageOf(pids).cpuSeconds - before) * 1_000;
    const ofScheduler = (usageOf(schedulerPids).cpuSeconds - schedulerBefore) * 1_000;
    return {
      podsPerSecond: bound.count / seconds,
      cpuMsPerThousand: used / thousands,
      schedulerMsPerThousand: schedulerPid === undefined ? Number.NaN : ofScheduler / thousands,
      loadPercent: (user + system) / 1e4 / seconds,
    };
  } finally {
    bound.close();
  }
}
