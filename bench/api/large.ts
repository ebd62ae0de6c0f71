/** A large cluster: its list, a restart with it, and the memory that it takes. */
import { usageOf } from '../measure.ts';
import { alternate, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { type ApiBench, duringLoad } from './bench.ts';
import type { Load } from './load.ts';
import { type Encoding, MEDIA, PODS_PATH } from './pod.ts';
import type { ApiSubject, RunningApi } from './subject.ts';

const WRITERS = 32;
/** The turn of the event loop that nothing may exceed. */
const TURN_GOAL_MS = 10;
const LIST_GOALS: Readonly<Record<Encoding, number>> = { json: 6, protobuf: 4 };
const RESTART_GOAL = 4;
const MEMORY_GOAL = 2;
const BYTES_PER_MEGABYTE = 1024 * 1024;

export const LARGE_CLUSTER: Measurement<ApiBench> = {
  name: 'list, restart, memory of a large cluster',
  run,
};

interface List {
  readonly coldMs: number;
  readonly warmMs: number;
  readonly megabytes: number;
  readonly turnMs: number;
}

interface Round {
  readonly readyMs: number;
  readonly megabytes: number;
  readonly lists: Readonly<Record<Encoding, List>>;
  readonly megabytesAfter: number;
}

async function run(bench: ApiBench): Promise<Row[]> {
  const { pods, scope } = bench;
  const directories = new Map<ApiSubject, string>();
  const sides = { coxswain: bench.coxswain, upstream: bench.upstream };
  const written = await alternate<number, ApiSubject>(
    { ...bench, rounds: 1 },
    {
      ...sides,
      name: `writing ${pods} pods`,
      async once(subject) {
        const directory = scope.temporaryDirectory();
        const perSecond = await duringLoad(
          bench,
          subject,
          { directory },
          async ({ running, load }) => {
            const writes = { kind: 'requests', request: 'create', encoding: 'protobuf' } as const;
            const { target } = running;
            const places = { from: 0, pods, count: pods, connections: WRITERS };
            return pods / (await load.run({ ...writes, ...places, target })).seconds;
          },
        );
        directories.set(subject, directory);
        return perSecond;
      },
    },
  );
  const results = await alternate<Round, ApiSubject>(bench, {
    ...sides,
    name: `${pods} pods`,
    once(subject) {
      const directory = directories.get(subject);
      if (directory === undefined) throw new Error('The pods could not be written');
      return duringLoad(bench, subject, { directory }, ({ running, load }) =>
        measure(running, load),
      );
    },
  });
  return [
    ...(['json', 'protobuf'] as const).flatMap((encoding) => [
      rowOf(results, {
        what: `list of ${pods} pods, ${encoding}, warm`,
        unit: 'ms',
        ratioGoal: { atMost: 1 / LIST_GOALS[encoding] },
        value: ({ lists }) => lists[encoding].warmMs,
      }),
      rowOf(results, {
        what: '  the first one after a start',
        unit: 'ms',
        value: ({ lists }) => lists[encoding].coldMs,
      }),
      rowOf(results, {
        what: '  size of the answer',
        unit: 'MB',
        value: ({ lists }) => lists[encoding].megabytes,
      }),
      rowOf(results, {
        what: '  longest turn of the event loop meanwhile, in processor time',
        unit: 'ms',
        goal: TURN_GOAL_MS,
        value: ({ lists }) => lists[encoding].turnMs,
      }),
    ]),
    rowOf(results, {
      what: `restart with ${pods} pods`,
      unit: 'ms',
      ratioGoal: { atMost: 1 / RESTART_GOAL },
      value: ({ readyMs }) => readyMs,
    }),
    rowOf(results, {
      what: '  memory after it',
      unit: 'MB',
      ratioGoal: { atMost: 1 / MEMORY_GOAL },
      value: ({ megabytes }) => megabytes,
    }),
    rowOf(results, {
      what: '  memory after the lists',
      unit: 'MB',
      ratioGoal: { atMost: 1 / MEMORY_GOAL },
      value: ({ megabytesAfter }) => megabytesAfter,
    }),
    rowOf(written, {
      what: `  writing these pods before, protobuf, ${WRITERS} at a time`,
      unit: '/s',
      value: (perSecond) => perSecond,
    }),
  ];
}

async function measure(running: RunningApi, load: Load): Promise<Round> {
  const { readyMs } = running;
  const memory = (): number =>
    running.pids.length === 0 ? Number.NaN : usageOf(running.pids).megabytes;
  // What is ready has read all: the first list shows it, and small.
  await load.run({
    kind: 'list',
    target: running.target,
    path: `${PODS_PATH}?limit=1`,
    accept: MEDIA.json,
  });
  const megabytes = memory();
  const lists = {
    json: await measureList(running, load, 'json'),
    protobuf: await measureList(running, load, 'protobuf'),
  };
  return { readyMs, megabytes, lists, megabytesAfter: memory() };
}

async function measureList(running: RunningApi, load: Load, encoding: Encoding): Promise<List> {
  const list = {
    kind: 'list',
    target: running.target,
    path: PODS_PATH,
    accept: MEDIA[encoding],
  } as const;
  const cold = await load.run(list);
  await running.loopDelay();
  const warm = await load.run(list);
  const delay = await running.loopDelay();
  return {
    coldMs: cold.seconds * 1000,
    warmMs: warm.seconds * 1000,
    megabytes: warm.bytes / BYTES_PER_MEGABYTE,
    turnMs: delay?.maxMs ?? Number.NaN,
  };
}
