/** A Deployment of 1,000 on 1,000 nodes: from nothing until all is bound, and its rolling update. */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { RestClient } from '#client/rest.ts';
import { NAMESPACE } from '../pods.ts';
import { Arrivals } from '../requests.ts';
import { alternate, type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { untilSeen } from '../wait.ts';
import { type Loaded, withNodes } from './cluster.ts';

const NODES = 1_000;
const REPLICAS = 1_000;
const TIMEOUT_MS = 300_000;
const NAME = 'web';
const BOUND_GOAL = 2.5;
const BOUND_PATH = `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app%3D${NAME}&fieldSelector=spec.nodeName%21%3D`;

export const ROLLOUT: Measurement = { name: 'deployment and rolling update of 1,000', run };

interface Times {
  readonly boundMs: number;
  readonly availableMs: number;
  readonly updatedMs: number;
}

async function run(bench: Bench): Promise<Row[]> {
  const results: Results<Times> = await alternate(bench, {
    name: 'deployment and rolling update',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: (subject) => withNodes(bench, subject, { nodes: NODES, runsPods: true }, measure),
  });
  return [
    rowOf(results, {
      what: `Deployment 0 → ${REPLICAS} bound, ${NODES} nodes`,
      unit: 'ms',
      ratioGoal: { atMost: 1 / BOUND_GOAL },
      value: ({ boundMs }) => boundMs,
    }),
    rowOf(results, {
      what: '  until all are available',
      unit: 'ms',
      value: ({ availableMs }) => availableMs,
    }),
    rowOf(results, {
      what: `rolling update of ${REPLICAS}`,
      unit: 'ms',
      value: ({ updatedMs }) => updatedMs,
    }),
  ];
}

async function measure({ client, target }: Loaded): Promise<Times> {
  const bound = await Arrivals.open(target, BOUND_PATH);
  try {
    const beganMs = performance.now();
    const available = untilRolledOut(client, 1);
    const patience = { timeoutMs: TIMEOUT_MS, what: `${REPLICAS} pods to be bound` };
    const [boundMs, availableMs] = await Promise.all([
      bound.until(REPLICAS, patience),
      available,
      client.create(DEPLOYMENT, deployment()),
    ]);
    const changedMs = performance.now();
    const updated = untilRolledOut(client, 2);
    const template = { spec: { containers: [{ name: NAME, image: 'example/web:2' }] } };
    await client.patch(DEPLOYMENT, { name: NAME, namespace: NAMESPACE }, 'strategic', {
      spec: { template },
    });
    return {
      boundMs: boundMs - beganMs,
      availableMs: availableMs - beganMs,
      updatedMs: (await updated) - changedMs,
    };
  } finally {
    bound.close();
  }
}

/** Until all replicas are those of this generation, and available. */
function untilRolledOut(client: RestClient, generation: number): Promise<number> {
  const selection = { namespace: NAMESPACE, fieldSelector: `metadata.name=${NAME}` };
  return untilSeen(
    client,
    { type: DEPLOYMENT, ...selection },
    { timeoutMs: TIMEOUT_MS, what: `generation ${generation} of a Deployment to be there` },
    ({ object: { status } }) =>
      status?.observedGeneration === generation &&
      status.replicas === REPLICAS &&
      status.updatedReplicas === REPLICAS &&
      status.availableReplicas === REPLICAS,
  );
}

function deployment(): Deployment {
  const labels = { app: NAME };
  return {
    metadata: { name: NAME, namespace: NAMESPACE },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: NAME, image: 'example/web:1' }] },
      },
    },
  };
}
