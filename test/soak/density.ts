/** As many pods on one node as it takes, and one more. */
import assert from 'node:assert/strict';
import type { Event, Pod } from '../../src/api/gen/core-v1.ts';
import { eventually } from '../e2e/product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { podManifest, type RealCluster, startRealCluster } from '../e2e/real-cluster.ts';
import { untilAvailable } from './leaks.ts';

/** Upstream's default of maxPods. */
const PODS = 110;
const NAME = 'dense';

/** Rejects with what is not as it has to be. Needs root, Linux and kubectl. */
export async function runDensity(tell: (line: string) => void): Promise<void> {
  const cluster = await startRealCluster();
  try {
    const beganMs = performance.now();
    await cluster.ok('create -f -', JSON.stringify(deployment()));
    await untilAvailable(cluster, NAME, PODS);
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
    tell(`${PODS} pods run on one node after ${seconds} s`);
    tell(`one more by the scheduler: ${await unscheduled(cluster)}`);
    tell(`one more by the node's name: ${await refused(cluster)}`);
    await cluster.ok(`scale deployment ${NAME} --replicas=${PODS - 1}`);
    await cluster.ok('wait --for=condition=Ready pod/waiting --timeout=60s');
    tell('the one that waited runs once there is room');
  } finally {
    await cluster.close();
  }
}

function deployment(): object {
  const labels = { app: NAME };
  const container = { name: 'main', image: BUSYBOX, command: ['sleep', '1000000'] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME },
    spec: {
      replicas: PODS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  };
}

async function unscheduled(cluster: RealCluster): Promise<string> {
  await cluster.ok('create -f -', JSON.stringify(podManifest('waiting', 'sleep 1000000')));
  const message = await eventually(async () => {
    const text = await cluster.ok('get events --field-selector=reason=FailedScheduling -o json');
    const { items } = JSON.parse(text) as { items: Event[] };
    return items.find(({ involvedObject }) => involvedObject.name === 'waiting')?.message;
  });
  assert.match(message, /^0\/1 nodes are available: 1 Too many pods\./);
  return message;
}

async function refused(cluster: RealCluster): Promise<string> {
  const nodeName = await cluster.ok('get nodes -o jsonpath={.items[0].metadata.name}');
  const pod = podManifest('refused', 'sleep 1000000', { spec: { nodeName } });
  await cluster.ok('create -f -', JSON.stringify(pod));
  await cluster.ok('wait --for=jsonpath={.status.phase}=Failed pod/refused --timeout=60s');
  const { status } = JSON.parse(await cluster.ok('get pod refused -o json')) as Pod;
  assert.equal(status?.reason, 'OutOfpods');
  assert.match(status.message ?? '', /requested: 1, used: 110, capacity: 110$/);
  return status.message ?? '';
}
