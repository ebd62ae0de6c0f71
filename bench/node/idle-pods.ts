/** What a kubelet uses while its pods do nothing. */
import { readFileSync } from 'node:fs';
import type { RestClient } from '#client/rest.ts';
import { runningPid } from '#cli/supervisor.ts';
import { dataDirectoryAt } from '#cli/data-directory.ts';
import { parseProportionalMegabytes, usageOf } from '../measure.ts';
import { PodWatch } from '../pods.ts';
import { onRealNodes } from '../real-node.ts';
import { createAndWait, deleteAll, REAL_PODS_SELECTOR } from '../real-pod.ts';
import { type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { sleep } from '../wait.ts';

const PODS = 100;
const SETTLE_MS = 20_000;
const MEASURE_MS = 30_000;

export const IDLE_PODS: Measurement = { name: 'idle pods', run };

interface Use {
  /** What processes share is divided among them: ours are of one program. */
  readonly megabytes: number;
  readonly residentMegabytes: number;
  readonly percent: number;
}

async function run(bench: Bench): Promise<Row[]> {
  return rowsOf(await onRealNodes<Use>(bench, { name: 'idle pods', once }));
}

async function once(client: RestClient, directory: string): Promise<Use> {
  const pods = await PodWatch.open(client, REAL_PODS_SELECTOR);
  try {
    const names = Array.from({ length: PODS }, (_, i) => `idle-${i}`);
    await createAndWait(client, pods, names);
    const use = await measure(nodePid(directory));
    await deleteAll(client, pods, PODS);
    return use;
  } finally {
    pods.close();
  }
}

/** Our node's process: kubelet, proxy, policies and DNS. Upstream's kubelet runs in its place. */
function nodePid(directory: string): number {
  const pid = runningPid(dataDirectoryAt(directory).run, 'node');
  if (pid === undefined) throw new Error('The process of the node does not run');
  return pid;
}

async function measure(pid: number): Promise<Use> {
  await sleep(SETTLE_MS);
  const before = usageOf([pid]);
  const beganMs = performance.now();
  await sleep(MEASURE_MS);
  const { megabytes: residentMegabytes, cpuSeconds } = usageOf([pid]);
  const seconds = (performance.now() - beganMs) / 1000;
  const megabytes = parseProportionalMegabytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return {
    megabytes,
    residentMegabytes,
    percent: ((cpuSeconds - before.cpuSeconds) / seconds) * 100,
  };
}

function rowsOf(results: Results<Use>): Row[] {
  return [
    rowOf(results, {
      what: `${PODS} idle pods on a node: processor of its kubelet`,
      unit: '% of a core',
      ratioGoal: { atMost: 0.5 },
      value: ({ percent }) => percent,
    }),
    rowOf(results, {
      what: '  its memory',
      unit: 'MB',
      ratioGoal: { atMost: 1 },
      value: ({ megabytes }) => megabytes,
    }),
    rowOf(results, {
      what: '  with all that it shares (resident)',
      unit: 'MB',
      value: ({ residentMegabytes }) => residentMegabytes,
    }),
  ];
}
