/** How costs grow with the number of nodes: of pods that are scheduled, of nodes that are only there. */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { median, usageOf } from '../measure.ts';
import { NAMESPACE } from '../pods.ts';
import { renderPlot } from '../plot.ts';
import { Arrivals } from '../requests.ts';
import { alternate, type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import type { Row, Unit } from '../table.ts';
import { sleep } from '../wait.ts';
import { type Loaded, withNodes } from './cluster.ts';

const SIZES = [100, 500, 1_000, 2_000, 5_000] as const;
const REPLICAS = 1_000;
const TIMEOUT_MS = 400_000;
const IDLE_MS = 15_000;
const BOUND_PATH = `/api/v1/namespaces/${NAMESPACE}/pods?fieldSelector=spec.nodeName%21%3D`;

export const GROWTH: Measurement = { name: 'growth from 100 to 5,000 nodes', run };

interface Costs {
  readonly deployMs: number;
  readonly idlePercent: number;
  readonly megabytes: number;
}

interface Cost {
  readonly what: string;
  readonly unit: Unit;
  readonly value: (costs: Costs) => number;
}

const COSTS: readonly Cost[] = [
  {
    what: `processor time of a Deployment of ${REPLICAS}`,
    unit: 'ms',
    value: ({ deployMs }) => deployMs,
  },
  {
    what: 'nodes that renew their leases',
    unit: '% of a core',
    value: ({ idlePercent }) => idlePercent,
  },
  { what: 'memory', unit: 'MB', value: ({ megabytes }) => megabytes },
];

async function run(bench: Bench): Promise<Row[]> {
  const all: (readonly [nodes: number, results: Results<Costs>])[] = [];
  for (const nodes of SIZES) {
    const results = await alternate<Costs>(bench, {
      name: `growth, ${nodes} nodes`,
      coxswain: bench.coxswain,
      upstream: bench.upstream?.subject,
      once: (subject) => withNodes(bench, subject, { nodes, runsPods: false }, measure),
    });
    all.push([nodes, results]);
  }
  for (const cost of COSTS) bench.show(plotOf(all, cost));
  return COSTS.flatMap((cost) =>
    all.map(([nodes, results]) =>
      rowOf(results, { ...cost, what: `${cost.what}, ${nodes} nodes` }),
    ),
  );
}

function plotOf(
  all: readonly (readonly [nodes: number, results: Results<Costs>])[],
  { what, unit, value }: Cost,
): string {
  const groups = all.map(([nodes, results]) => ({
    name: `${nodes} nodes`,
    bars: Object.entries(results).flatMap(([name, figures]: [string, readonly Costs[] | string]) =>
      typeof figures === 'string' ? [] : [{ name, value: median(figures.map(value)) }],
    ),
  }));
  return renderPlot({ title: what, unit, groups });
}

async function measure({ client, target, pids }: Loaded): Promise<Costs> {
  const before = usageOf(pids).cpuSeconds;
  const beganMs = performance.now();
  await sleep(IDLE_MS);
  const seconds = (performance.now() - beganMs) / 1_000;
  const idle = usageOf(pids).cpuSeconds;
  const bound = await Arrivals.open(target, BOUND_PATH);
  await client.create(DEPLOYMENT, {
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'example/web' }] },
      },
    },
  });
  await bound.until(REPLICAS, { timeoutMs: TIMEOUT_MS, what: `${REPLICAS} pods to be bound` });
  const { cpuSeconds, megabytes } = usageOf(pids);
  bound.close();
  return {
    idlePercent: ((idle - before) / seconds) * 100,
    deployMs: (cpuSeconds - idle) * 1_000,
    megabytes,
  };
}
