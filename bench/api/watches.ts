/** Watch fan-out: many watchers of one collection, and how fast they get its events. */
import { POD } from '#api/core/pod.ts';
import { alternate, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { type ApiBench, duringLoad } from './bench.ts';
import { type LoadResult, startLoad } from './load.ts';
import { type Encoding, NAMESPACE, PODS_PATH } from './pod.ts';

const WATCHERS = 100;
const EVENTS = 1_000;
const PODS = 200;
const WRITERS = 4;
const GOAL = 2;

export const WATCH_FAN_OUT: Measurement<ApiBench> = { name: 'watch fan-out', run };

interface FanOut extends LoadResult {
  readonly cpuMicroseconds: number;
}

async function run(bench: ApiBench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const encoding of ['json', 'protobuf'] as const) {
    const results = await alternate<FanOut, ApiBench['coxswain']>(bench, {
      name: `watch fan-out, ${encoding}`,
      coxswain: bench.coxswain,
      upstream: bench.upstream,
      once: (subject) => once(bench, subject, encoding),
    });
    rows.push(
      rowOf(results, {
        what: `watch, ${encoding}: ${EVENTS} events to ${WATCHERS} watchers`,
        unit: '/s',
        ratioGoal: { atLeast: GOAL },
        value: ({ seconds }) => (EVENTS * WATCHERS) / seconds,
      }),
      rowOf(results, {
        what: '  processor time of the servers for one',
        unit: 'µs',
        value: ({ cpuMicroseconds }) => cpuMicroseconds,
      }),
      rowOf(results, {
        what: '  processor of the load itself',
        unit: '% of a core',
        value: ({ cpuSeconds, seconds }) => (cpuSeconds / seconds) * 100,
      }),
    );
  }
  return rows;
}

function once(bench: ApiBench, subject: ApiBench['coxswain'], encoding: Encoding): Promise<FanOut> {
  return duringLoad(bench, subject, {}, async ({ running, load, cpuSeconds }) => {
    const { target, client } = running;
    const writes = {
      kind: 'requests',
      target,
      encoding,
      connections: WRITERS,
      from: 0,
      pods: PODS,
    } as const;
    const writer = startLoad(bench.scope);
    await writer.run({ ...writes, request: 'create', count: PODS });
    await writer.run({ ...writes, request: 'merge patch', count: EVENTS });
    const { resourceVersion } = await client.list(POD, { namespace: NAMESPACE, limit: 1 });
    const path = `${PODS_PATH}?watch=1&resourceVersion=${resourceVersion}`;
    const begun = Promise.withResolvers<void>();
    let before = 0;
    const watching = load.run(
      { kind: 'watch', target, path, encoding, watchers: WATCHERS, events: EVENTS },
      () => {
        before = cpuSeconds();
        begun.resolve();
      },
    );
    const writing = begun.promise.then(() =>
      writer.run({ ...writes, request: 'merge patch', count: EVENTS }),
    );
    const [result] = await Promise.all([watching, writing]);
    const cpuMicroseconds = ((cpuSeconds() - before) / (EVENTS * WATCHERS)) * 1e6;
    await writer.stop();
    return { ...result, cpuMicroseconds };
  });
}
