/** Creates, gets and patches of pods under load: how many a second, and the 99th percentile. */
import { alternate, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { type ApiBench, duringLoad } from './bench.ts';
import type { LoadResult, RequestKind } from './load.ts';
import type { Encoding } from './pod.ts';

const CONNECTIONS = 16;
/** Pods of one encoding. */
const PODS = 1_500;
const REQUESTS: Readonly<Record<RequestKind, number>> = {
  create: PODS,
  get: 5_000,
  'status patch': 1_500,
  'merge patch': 1_500,
};
/** Before the clock begins: code is compiled, connections of the server to its store are open. */
const WARM_UP = 1_000;
const GOALS: Readonly<Record<RequestKind, number>> = {
  create: 2,
  get: 2.5,
  'status patch': 3,
  'merge patch': 3,
};
const ENCODINGS: readonly Encoding[] = ['json', 'protobuf'];
const KINDS: readonly RequestKind[] = ['create', 'status patch', 'merge patch', 'get'];

export const REQUESTS_UNDER_LOAD: Measurement<ApiBench> = { name: 'requests under load', run };

/** What was measured of one kind of request in one encoding. */
interface Part extends LoadResult {
  readonly perSecond: number;
  /** Of a core: a load that is near 100 % has measured itself. */
  readonly loadPercent: number;
  readonly cpuMicroseconds: number;
}

type Parts = ReadonlyMap<string, Part>;

async function run(bench: ApiBench): Promise<Row[]> {
  const results = await alternate<Parts, ApiBench['coxswain']>(bench, {
    name: 'requests under load',
    coxswain: bench.coxswain,
    upstream: bench.upstream,
    once: (subject) => duringLoad(bench, subject, {}, measure),
  });
  const cells = KINDS.flatMap((kind) => ENCODINGS.map((encoding) => ({ kind, encoding })));
  return cells.flatMap(({ kind, encoding }) => {
    const value = (pick: (part: Part) => number) => (parts: Parts) =>
      pick(parts.get(`${kind} ${encoding}`) ?? missing());
    return [
      rowOf(results, {
        what: `${kind}, ${encoding}, ${CONNECTIONS} at a time`,
        unit: '/s',
        ratioGoal: { atLeast: GOALS[kind] },
        value: value(({ perSecond }) => perSecond),
      }),
      rowOf(results, {
        what: '  p99',
        unit: 'ms',
        ratioGoal: { atMost: 1 },
        value: value(({ p99Ms }) => p99Ms),
      }),
      rowOf(results, {
        what: '  processor time of the servers for one',
        unit: 'µs',
        value: value(({ cpuMicroseconds }) => cpuMicroseconds),
      }),
      rowOf(results, {
        what: '  processor of the load itself',
        unit: '% of a core',
        value: value(({ loadPercent }) => loadPercent),
      }),
    ];
  });
}

function missing(): never {
  throw new Error('A part of the measurement is missing');
}

const measure: Parameters<typeof duringLoad<Parts>>[3] = async ({ running, load, cpuSeconds }) => {
  const parts = new Map<string, Part>();
  const { target } = running;
  let from = 0;
  for (const encoding of ENCODINGS) {
    const warm = { kind: 'requests', target, encoding, connections: CONNECTIONS } as const;
    for (const request of KINDS)
      await load.run({ ...warm, request, from, pods: WARM_UP, count: WARM_UP });
    from += WARM_UP;
    for (const request of KINDS) {
      const count = REQUESTS[request];
      const before = cpuSeconds();
      const result = await load.run({ ...warm, request, from, pods: PODS, count });
      parts.set(`${request} ${encoding}`, {
        ...result,
        perSecond: count / result.seconds,
        loadPercent: (result.cpuSeconds / result.seconds) * 100,
        cpuMicroseconds: ((cpuSeconds() - before) / count) * 1e6,
      });
    }
    from += PODS;
  }
  return parts;
};
