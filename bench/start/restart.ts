/** A start with the state of a large cluster: ten thousand pods that nobody schedules. */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { RestClient } from '#client/rest.ts';
import { usageOf } from '../measure.ts';
import { NAMESPACE } from '../pods.ts';
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import { during, type Subject } from '../subject.ts';
import type { Row } from '../table.ts';

const PODS = 10_000;
const WRITERS = 64;
const GOAL_MS = 1_000;

export const RESTART: Measurement = { name: 'restart with 10,000 pods', run };

async function run(bench: Bench): Promise<Row[]> {
  const directories = new Map<Subject, string>();
  const sides = { coxswain: bench.coxswain, upstream: bench.upstream?.subject };
  const written = await alternate(
    { ...bench, rounds: 1 },
    {
      ...sides,
      name: `writing ${PODS} pods`,
      async once(subject) {
        const { scope } = bench;
        const directory = scope.temporaryDirectory();
        return during(await subject.start({ scope, directory }), async ({ client }) => {
          const beganMs = performance.now();
          await writePods(client);
          directories.set(subject, directory);
          return PODS / ((performance.now() - beganMs) / 1000);
        });
      },
    },
  );
  const restarts = await alternate(bench, {
    ...sides,
    name: `restart with ${PODS} pods`,
    async once(subject) {
      const directory = directories.get(subject);
      if (directory === undefined) throw new Error('The pods could not be written');
      return during(
        await subject.start({ scope: bench.scope, directory }),
        async ({ pids, readyMs }) => ({ readyMs, megabytes: usageOf(pids).megabytes }),
      );
    },
  });
  return [
    rowOf(restarts, {
      what: 'restart with 10,000 pods',
      unit: 'ms',
      goal: GOAL_MS,
      value: ({ readyMs }) => readyMs,
    }),
    rowOf(restarts, {
      what: '  memory right after it',
      unit: 'MB',
      value: ({ megabytes }) => megabytes,
    }),
    rowOf(written, {
      what: `  writing these pods before, ${WRITERS} at a time`,
      unit: '/s',
      value: (perSecond) => perSecond,
    }),
  ];
}

async function writePods(client: RestClient): Promise<void> {
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < PODS) await client.create(POD, podOf(`pod-${next++}`));
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

function podOf(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { app: 'bench' } },
    spec: { schedulerName: 'none', containers: [{ name: 'main', image: 'example/bench' }] },
  };
}
