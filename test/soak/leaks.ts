/**
 * Pods on two real nodes, created and deleted again and again: nothing of them may be left, and
 * nothing may grow.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '../../src/api/gen/core-v1.ts';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import { eventually } from '../e2e/product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { type RealCluster, startRealCluster } from '../e2e/real-cluster.ts';
import { readNodeState, sizesOf } from '../kill/node-state.ts';
import { type Counts, readCounts } from './counts.ts';

export interface LeakOptions {
  readonly rounds: number;
  readonly pods: number;
  readonly tell: (line: string) => void;
}

const NODES = 2;
const NAME = 'many';
const DEADLINE_MS = 400_000;
/** What ends by itself after its pods: event streams, connections, descriptors of watched files. */
const QUIET_MS = 3_000;

/** What there was after each round. Rejects when something of pods stays. Needs root, Linux, kubectl. */
export async function runLeakRounds({ rounds, pods, tell }: LeakOptions): Promise<Counts[]> {
  const cluster = await startRealCluster(['--nodes', String(NODES)]);
  try {
    await cluster.ok('create -f -', JSON.stringify(workload()));
    const counts: Counts[] = [];
    for (let round = 1; round <= rounds; round++) {
      const beganMs = performance.now();
      await cluster.ok(`scale deployment ${NAME} --replicas=${pods}`);
      await untilAvailable(cluster, NAME, pods);
      const upMs = performance.now();
      await cluster.ok(`scale deployment ${NAME} --replicas=0`);
      await leavesNothing(cluster);
      const [up, down] = [upMs - beganMs, performance.now() - upMs].map(secondsOf);
      await pause(QUIET_MS);
      counts.push(await readCounts(dataDirectoryAt(cluster.product.dataDirectory)));
      tell(`round ${round}: ${pods} pods up in ${up} s, gone in ${down} s`);
    }
    return counts;
  } finally {
    await cluster.close();
  }
}

/** A kubectl that waits is ended after a minute. */
export async function untilAvailable(
  cluster: RealCluster,
  name: string,
  pods: number,
): Promise<void> {
  const words = ['get', 'deployment', name, '-o', 'jsonpath={.status.availableReplicas}'];
  await eventually(
    async () => ((await cluster.ok(words)) === String(pods) ? true : undefined),
    DEADLINE_MS,
  );
}

function secondsOf(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}

async function leavesNothing(cluster: RealCluster): Promise<void> {
  const data = dataDirectoryAt(cluster.product.dataDirectory);
  let left = '';
  await eventually(async () => {
    const { items } = JSON.parse(await cluster.ok('get pods -o json')) as { items: Pod[] };
    const states = await Promise.all([data, ...otherNodeDirectories(data)].map(readNodeState));
    left = `${items.length} pods, nodes: ${JSON.stringify(states.map(sizesOf))}`;
    const isClean = states
      .map(sizesOf)
      .every((sizes) => Object.values(sizes).every((size) => size === 0));
    return items.length === 0 && isClean ? true : undefined;
  }, DEADLINE_MS).catch((error: unknown) => {
    throw new Error(`Something is left: ${left}`, { cause: error });
  });
}

/** With what a kubelet makes and takes away for a pod: volumes, a token, a probe. */
function workload(): object {
  const labels = { app: NAME };
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME }, data: { key: 'value' } },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: NAME },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 1,
              containers: [
                {
                  name: 'main',
                  image: BUSYBOX,
                  command: ['sleep', '1000000'],
                  startupProbe: { exec: { command: ['test', '-f', '/config/key'] } },
                  volumeMounts: [
                    { name: 'config', mountPath: '/config' },
                    { name: 'memory', mountPath: '/memory' },
                  ],
                },
              ],
              volumes: [
                { name: 'config', configMap: { name: NAME } },
                { name: 'memory', emptyDir: { medium: 'Memory' } },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: NAME },
        spec: { selector: labels, ports: [{ port: 80 }] },
      },
    ],
  };
}
