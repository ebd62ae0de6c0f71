/**
 * A node whose cable is pulled: its pods are replaced in upstream's time (50 s of grace of the node's
 * lease, 300 s that pods tolerate an unreachable node), and it takes its place again afterwards.
 */
import assert from 'node:assert/strict';
import type { Pod } from '../../src/api/gen/core-v1.ts';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import { interfacesOf } from '../../src/cli/node-network.ts';
import { eventually, run } from '../e2e/product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { type RealCluster, startRealCluster } from '../e2e/real-cluster.ts';
import { readNodeState } from '../kill/node-state.ts';

const PODS = 6;
const NAME = 'moved';
/** Upstream's node-monitor-grace-period and its period, and the age that a lease may have by then. */
const NOT_READY_S = { from: 35, to: 60 };
/** tolerationSeconds that admission gives to pods. */
const TOLERATED_S = 300;
/** Eviction and start elsewhere. */
const MOVE_S = 30;

/** Rejects with what is not as it has to be. Needs root, Linux and kubectl. */
export async function runCutOff(tell: (line: string) => void): Promise<void> {
  const cluster = await startRealCluster(['--nodes', '3']);
  try {
    await cluster.ok('create -f -', JSON.stringify(deployment()));
    await cluster.ok(`rollout status deployment/${NAME} --timeout=120s`);
    const data = dataDirectoryAt(cluster.product.dataDirectory);
    const directory = otherNodeDirectories(data)[0];
    const cable = directory === undefined ? undefined : interfacesOf(directory.hash)[0];
    if (directory === undefined || cable === undefined) throw new Error('No node has a cable');
    const node = directory.path.split('/').at(-1) ?? '';
    const cut = await podsOn(cluster, node);
    assert.ok(cut.length > 0, `no pod runs on ${node}`);
    const beganMs = performance.now();
    await link(cable, 'down');
    await untilUnknown(cluster, node);
    const notReadyS = secondsSince(beganMs);
    tell(`${node} is not ready ${notReadyS.toFixed(0)} s after its cable was pulled`);
    assert.ok(notReadyS >= NOT_READY_S.from && notReadyS <= NOT_READY_S.to);
    const movedS = await untilMoved(cluster, node, beganMs);
    tell(`its ${cut.length} pods run elsewhere after ${movedS.toFixed(0)} s`);
    const earliest = NOT_READY_S.from + TOLERATED_S;
    assert.ok(movedS >= earliest && movedS <= NOT_READY_S.to + TOLERATED_S + MOVE_S);
    await link(cable, 'up');
    await cluster.ok(`wait --for=condition=Ready node/${node} --timeout=60s`);
    await eventually(async () => {
      const { all } = await readNodeState(directory);
      const left = await podsOn(cluster, node);
      return all === 0 && left.length === 0 ? true : undefined;
    }, 120_000);
    tell(`${node} is back, and has ended the pods of before`);
    await cluster.ok(`scale deployment ${NAME} --replicas=${2 * PODS}`);
    await cluster.ok(`rollout status deployment/${NAME} --timeout=120s`);
    assert.ok((await podsOn(cluster, node)).length > 0, `${node} takes no pods again`);
    tell('it takes pods again');
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
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [container],
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            },
          ],
        },
      },
    },
  };
}

function untilUnknown(cluster: RealCluster, node: string): Promise<true> {
  const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  return eventually(
    async () =>
      (await cluster.ok(['get', 'node', node, '-o', path])) === 'Unknown' ? true : undefined,
    2 * NOT_READY_S.to * 1000,
  );
}

async function untilMoved(cluster: RealCluster, node: string, beganMs: number): Promise<number> {
  return eventually(
    async () => {
      const ready = (await pods(cluster)).filter(
        ({ spec, status }) =>
          spec?.nodeName !== node &&
          status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      );
      return ready.length === PODS ? secondsSince(beganMs) : undefined;
    },
    (NOT_READY_S.to + TOLERATED_S + 2 * MOVE_S) * 1000,
  );
}

async function pods(cluster: RealCluster): Promise<readonly Pod[]> {
  return (JSON.parse(await cluster.ok('get pods -o json')) as { items: Pod[] }).items;
}

async function podsOn(cluster: RealCluster, node: string): Promise<readonly Pod[]> {
  return (await pods(cluster)).filter(({ spec }) => spec?.nodeName === node);
}

async function link(name: string, state: 'up' | 'down'): Promise<void> {
  const { code, stderr } = await run('ip', ['link', 'set', name, state]);
  if (code !== 0) throw new Error(`Cannot set ${name} ${state}: ${stderr}`);
}

function secondsSince(beganMs: number): number {
  return (performance.now() - beganMs) / 1000;
}
