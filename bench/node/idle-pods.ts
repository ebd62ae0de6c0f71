/** What a kubelet uses while its pods do nothing. */
import { runningPid } from '#cli/supervisor.ts';
import { dataDirectoryAt } from '#cli/data-directory.ts';
import { usageOf } from '../measure.ts';
import { PodWatch } from '../pods.ts';
import { createAndWait, deleteAll, REAL_PODS_SELECTOR, whyNoRealPods } from '../real-pod.ts';
import { alternate, type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import { during, type Subject } from '../subject.ts';
import type { Row } from '../table.ts';
import { sleep } from '../wait.ts';

const PODS = 100;
const SETTLE_MS = 20_000;
const MEASURE_MS = 30_000;

export const IDLE_PODS: Measurement = { name: 'idle pods', run };

interface Use {
  readonly megabytes: number;
  readonly percent: number;
}

async function run(bench: Bench): Promise<Row[]> {
  const obstacle = whyNoRealPods();
  if (obstacle !== undefined) return rowsOf({ coxswain: obstacle, upstream: obstacle });
  const directories = new Map<Subject, string>();
  const results = await alternate<Use>(bench, {
    name: 'idle pods',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    async once(subject) {
      const directory = directories.get(subject) ?? bench.scope.temporaryDirectory();
      directories.set(subject, directory);
      const running = await subject.startWithNode({ scope: bench.scope, directory });
      return during(running, async ({ client }) => {
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
      });
    },
  });
  return rowsOf(results);
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
  const { megabytes, cpuSeconds } = usageOf([pid]);
  const seconds = (performance.now() - beganMs) / 1000;
  return { megabytes, percent: ((cpuSeconds - before.cpuSeconds) / seconds) * 100 };
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
  ];
}
