/** What a large cluster costs in which nothing happens: 5,000 nodes and 50,000 pods. */
import { usageOf } from '../measure.ts';
import { NAMESPACE } from '../pods.ts';
import { jsonRequest, Requests } from '../requests.ts';
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { sleep } from '../wait.ts';
import { type Loaded, withNodes } from './cluster.ts';
import { nodeName } from './fleet.ts';

const NODES = 5_000;
const PODS = 50_000;
const CONNECTIONS = 30;
/** Nodes count as lost 50 s after their last renewal: both periods fit. */
const SETTLE_MS = 10_000;
/** For renewals under way. */
const STOP_MS = 1_000;
const MEASURE_MS = 20_000;
const QUIET_GOAL_PERCENT = 10;
const RENEWING_GOAL = 0.5;

export const IDLE_CLUSTER: Measurement = { name: 'idle with 5,000 nodes and 50,000 pods', run };

interface Idle {
  readonly quietPercent: number;
  readonly renewingPercent: number;
  readonly megabytes: number;
}

async function run(bench: Bench): Promise<Row[]> {
  const results = await alternate<Idle>(bench, {
    name: `${NODES} nodes and ${PODS} pods`,
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: (subject) => withNodes(bench, subject, { nodes: NODES, runsPods: false }, measure),
  });
  return [
    rowOf(results, {
      what: `${NODES} nodes, ${PODS} pods, idle, no lease renewed`,
      unit: '% of a core',
      goal: QUIET_GOAL_PERCENT,
      value: ({ quietPercent }) => quietPercent,
    }),
    rowOf(results, {
      what: `  each lease renewed every 10 s (${NODES / 10} a second)`,
      unit: '% of a core',
      ratioGoal: { atMost: RENEWING_GOAL },
      value: ({ renewingPercent }) => renewingPercent,
    }),
    rowOf(results, { what: '  memory', unit: 'MB', value: ({ megabytes }) => megabytes }),
  ];
}

async function measure({ target, pids, fleet }: Loaded): Promise<Idle> {
  const requests = await Requests.open(target, CONNECTIONS);
  await requests.send(PODS, (index) =>
    jsonRequest('POST', `/api/v1/namespaces/${NAMESPACE}/pods`, {
      metadata: { generateName: 'idle-' },
      spec: {
        nodeName: nodeName(index % NODES),
        containers: [{ name: 'main', image: 'example/idle' }],
      },
    }),
  );
  requests.close();
  await sleep(SETTLE_MS);
  const renewingPercent = await percentOf(pids);
  fleet.setRenewing(false);
  await sleep(STOP_MS);
  await fleet.renewAll();
  await sleep(SETTLE_MS);
  const quietPercent = await percentOf(pids);
  return { quietPercent, renewingPercent, megabytes: usageOf(pids).megabytes };
}

/** Of a core, over `MEASURE_MS`. */
async function percentOf(pids: readonly number[]): Promise<number> {
  const before = usageOf(pids).cpuSeconds;
  const beganMs = performance.now();
  await sleep(MEASURE_MS);
  const seconds = (performance.now() - beganMs) / 1_000;
  return ((usageOf(pids).cpuSeconds - before) / seconds) * 100;
}
