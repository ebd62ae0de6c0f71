/**
 * A Deployment from 0 to 500 pods on 100 simulated nodes, in a fresh cluster each time: until all
 * pods are bound, and until all run.
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import { untilNodes } from '../cluster.ts';
import { NAMESPACE, PodWatch } from '../pods.ts';
import { alternate, type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import { startSimulatedNodes } from '../simulated-nodes.ts';
import { during, type Running, type Subject } from '../subject.ts';
import type { Row } from '../table.ts';
import { sleep } from '../wait.ts';

const NODES = 100;
const PODS = 500;
const GOAL_MS = 2_000;
const TIMEOUT_MS = 180_000;
/** The nodes' first reports and what the controllers make of them; nothing tells their end. */
const SETTLE_MS = 5_000;

export const DEPLOYMENT_OF_500: Measurement = { name: 'deployment of 500', run };

interface Times {
  readonly boundMs: number;
  readonly runningMs: number;
}

async function run(bench: Bench): Promise<Row[]> {
  const within = await alternate<Times>(bench, {
    name: 'deployment, nodes within the control plane',
    coxswain: bench.coxswain,
    once: (subject) => measure(bench, subject, { areNodesWithin: true }),
  });
  const clients = await alternate<Times>(bench, {
    name: 'deployment, nodes over HTTPS',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: (subject) => measure(bench, subject, { areNodesWithin: false }),
  });
  const rows = [
    ...rowsOf(within, `Deployment 0 → ${PODS} bound, ${NODES} nodes within`),
    ...rowsOf(clients, `Deployment 0 → ${PODS} bound, ${NODES} nodes over HTTPS`),
  ];
  if (bench.upstream === undefined) return rows;
  const limited = await alternate<Times>(bench, {
    name: 'deployment, nodes over HTTPS',
    upstream: bench.upstream.withDefaultLimits,
    once: (subject) => measure(bench, subject, { areNodesWithin: false }),
  });
  return [...rows, ...rowsOf(limited, '  the same with the default limits of clients', false)];
}

function rowsOf(results: Results<Times>, what: string, hasGoal = true): Row[] {
  return [
    rowOf(results, {
      what,
      unit: 'ms',
      ...(hasGoal ? { goal: GOAL_MS } : {}),
      value: ({ boundMs }) => boundMs,
    }),
    rowOf(results, { what: '  until all run', unit: 'ms', value: ({ runningMs }) => runningMs }),
  ];
}

async function measure(
  { scope }: Bench,
  subject: Subject,
  { areNodesWithin }: { areNodesWithin: boolean },
): Promise<Times> {
  const running = await subject.start({
    scope,
    directory: scope.temporaryDirectory(),
    ...(areNodesWithin ? { simulatedNodes: NODES } : {}),
  });
  return during(running, async () => {
    const nodes = areNodesWithin ? undefined : startSimulatedNodes(scope, running.directory, NODES);
    const failed = nodes?.failed ?? running.failed;
    try {
      await untilNodes(running.client, NODES, failed);
      await sleep(SETTLE_MS);
      return await Promise.race([deploy(running), failed]);
    } finally {
      await nodes?.stop();
    }
  });
}

async function deploy({ client }: Running): Promise<Times> {
  const pods = await PodWatch.open(client, 'app=web');
  try {
    const bound = pods.until('bound', PODS, TIMEOUT_MS);
    const running = pods.until('running', PODS, TIMEOUT_MS);
    const beganMs = performance.now();
    const [boundMs, runningMs] = await Promise.all([
      bound,
      running,
      client.create(DEPLOYMENT, deploymentOf(PODS)),
    ]);
    return { boundMs: boundMs - beganMs, runningMs: runningMs - beganMs };
  } finally {
    pods.close();
  }
}

function deploymentOf(replicas: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'example/web' }] },
      },
    },
  };
}
