/** How wide requests are, who watches, what levels could have used, and when to come again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { requestInfoOf } from '../request-info.ts';
import { SeatDemand } from './demand.ts';
import { DroppedRequests } from './dropped-requests.ts';
import { WatchCounts } from './watch-counts.ts';
import { estimateWork, type WorkFacts } from './work-estimate.ts';

const PODS = '/api/v1/namespaces/a/pods';
const info = (request: string) => {
  const [method = '', url = ''] = request.split(' ');
  return requestInfoOf(method, url);
};

describe('seats of a list', () => {
  const seats = (request: string, facts: Partial<WorkFacts> = {}, seatsMax = 0): number =>
    estimateWork(
      info(request),
      {
        sizeOf: () => ({ objects: 750, bytes: 750 * 1000 }),
        watchesOf: () => 0,
        bySize: false,
        watchList: true,
        ...facts,
      },
      seatsMax,
    ).work.initialSeats;
  const rows: [request: string, byObjects: number, bySize: number][] = [
    [`GET ${PODS}`, 8, 8],
    [`GET ${PODS}?limit=50`, 8, 1],
    [`GET ${PODS}?resourceVersion=0&limit=50`, 8, 1],
    [`GET ${PODS}?resourceVersion=7&limit=150`, 3, 2],
    [`GET ${PODS}?resourceVersion=7&resourceVersionMatch=Exact`, 10, 8],
    [`GET ${PODS}?resourceVersion=7&resourceVersionMatch=NotOlderThan&limit=50`, 8, 1],
    [`GET ${PODS}?resourceVersionMatch=Nonsense&limit=50`, 1, 1],
    [`GET ${PODS}?continue=x&limit=50`, 1, 1],
    [`GET ${PODS}?continue=x&limit=50&labelSelector=a`, 8, 4],
    [`GET ${PODS}?fieldSelector=metadata.name%3Dx`, 1, 1],
    [`GET ${PODS}?watch=true`, 8, 8],
    [`GET ${PODS}?watch=true&resourceVersion=7`, 1, 1],
    [`GET ${PODS}?watch=true&resourceVersion=7&sendInitialEvents=true`, 8, 8],
    [`GET ${PODS}?watch=true&resourceVersion=7&sendInitialEvents=true&limit=50`, 8, 1],
    [`GET ${PODS}/x`, 1, 1],
    [`DELETE ${PODS}`, 1, 1],
    ['GET /healthz', 1, 1],
  ];
  for (const [request, byObjects, bySize] of rows)
    it(`${request}: ${byObjects} by objects, ${bySize} by size`, () => {
      assert.equal(seats(request), byObjects);
      assert.equal(seats(request, { bySize: true }), bySize);
    });

  it('are no more than the level allows, and one at least', () => {
    assert.equal(seats(`GET ${PODS}`, {}, 3), 3);
    assert.equal(seats(`GET ${PODS}`, { sizeOf: () => ({ objects: 0, bytes: 0 }) }), 1);
    const large = { sizeOf: () => ({ objects: 1e6, bytes: 1e9 }) };
    assert.equal(seats(`GET ${PODS}`, large), 10);
    const past = `GET ${PODS}?resourceVersion=7&resourceVersionMatch=Exact`;
    assert.equal(seats(past, { ...large, bySize: true }), 100);
    assert.equal(seats(`GET ${PODS}`, { ...large, bySize: true }), 10, 'sent in pieces');
  });

  it('are one where another server answers, and of a watch where it begins with nothing', () => {
    assert.equal(seats(`GET ${PODS}`, { sizeOf: () => undefined }), 1);
    assert.equal(seats(`GET ${PODS}?watch=true`, { watchList: false }), 1);
  });
});

describe('seats of a write', () => {
  const work = (request: string, watches: number, seatsMax = 0) =>
    estimateWork(
      info(request),
      { sizeOf: () => undefined, watchesOf: () => watches, bySize: true, watchList: true },
      seatsMax,
    );

  it('are held for those who watch, for 5 ms each ten of them', () => {
    assert.deepEqual(work(`POST ${PODS}`, 9).work, {
      initialSeats: 1,
      finalSeats: 0,
      additionalMs: 0,
    });
    assert.deepEqual(work(`POST ${PODS}`, 10).work, {
      initialSeats: 1,
      finalSeats: 1,
      additionalMs: 5,
    });
    assert.deepEqual(work(`PATCH ${PODS}/x`, 25).work, {
      initialSeats: 1,
      finalSeats: 3,
      additionalMs: 5,
    });
    assert.equal(work(`PUT ${PODS}/x`, 25).watches, 25);
  });

  it('are fewer for longer where there are many', () => {
    assert.deepEqual(work(`DELETE ${PODS}/x`, 1000).work, {
      initialSeats: 1,
      finalSeats: 10,
      additionalMs: 50,
    });
    assert.deepEqual(work(`POST ${PODS}`, 100, 4).work, {
      initialSeats: 1,
      finalSeats: 4,
      additionalMs: 12.5,
    });
  });

  it('are none for what nobody is told of', () => {
    const token = work('POST /api/v1/namespaces/a/serviceaccounts/x/token', 100);
    assert.equal(token.work.finalSeats, 0);
    assert.equal(token.watches, undefined);
    assert.equal(work(`GET ${PODS}/x`, 100).work.finalSeats, 0);
  });
});

describe('watches', () => {
  it('count for what they may be told of', () => {
    const counts = new WatchCounts();
    const close = [
      'GET /api/v1/pods?watch=true',
      `GET ${PODS}?watch=true`,
      `GET ${PODS}?watch=true&fieldSelector=metadata.name%3Dx`,
      `GET ${PODS}?watch=true&fieldSelector=spec.nodeName%3Dn1`,
      `GET ${PODS}?watch=true&fieldSelector=spec.nodeName%3D`,
      'GET /apis/apps/v1/deployments?watch=true',
    ].map((request) => counts.open(info(request)));
    assert.equal(counts.interestedIn(info(`PUT ${PODS}/x`)), 4);
    assert.equal(counts.interestedIn(info(`PUT ${PODS}/y`)), 3);
    assert.equal(counts.interestedIn(info('POST /api/v1/namespaces/b/pods')), 1);
    assert.equal(counts.interestedIn(info('POST /apis/batch/v1/namespaces/a/jobs')), 0);
    for (const one of close) one();
    close[0]?.();
    assert.equal(counts.interestedIn(info(`PUT ${PODS}/x`)), 0);
    assert.equal(counts.size, 0);
  });
});

describe('the demand for seats', () => {
  it('is an average over time, with its peak', async () => {
    const environment = new VirtualEnvironment();
    const demand = new SeatDemand(environment.clock);
    demand.set(10, environment.clock.monotonicMs());
    await environment.advance(2500);
    demand.set(2, environment.clock.monotonicMs());
    await environment.advance(7500);
    const { average, deviation, highWatermark, smoothed } = demand.endPeriod();
    assert.equal(average, 4);
    assert.ok(Math.abs(deviation - Math.sqrt(12)) < 1e-9);
    assert.equal(highWatermark, 10);
    assert.ok(Math.abs(smoothed - (4 + Math.sqrt(12))) < 1e-9);
  });

  it('falls slowly, rises at once, and begins a period with what there is', async () => {
    const environment = new VirtualEnvironment();
    const demand = new SeatDemand(environment.clock);
    const period = async (seats: number) => {
      demand.set(seats, environment.clock.monotonicMs());
      await environment.advance(10_000);
      return demand.endPeriod();
    };
    assert.equal((await period(100)).smoothed, 100);
    assert.ok(Math.abs((await period(0)).smoothed - 97.7) < 1e-9);
    assert.equal(demand.stats.highWatermark, 100, 'it began with that');
    assert.equal((await period(0)).highWatermark, 0);
    const { smoothed } = demand.stats;
    const wanted = 0.977 * smoothed + 0.023 * 50;
    assert.ok(Math.abs((await period(50)).smoothed - wanted) < 1e-9);
    assert.equal((await period(300)).smoothed, 300);
    assert.equal(demand.endPeriod().average, 300, 'a period without time says nothing');
  });
});

describe('those who are refused', () => {
  it('come again later, the more of them there are, and sooner when there are few', async () => {
    const environment = new VirtualEnvironment();
    const dropped = new DroppedRequests(environment.clock);
    const second = async (count: number): Promise<number> => {
      await environment.advance(1000);
      let wait = 0;
      for (let i = 0; i < count; i++) wait = dropped.record();
      return wait;
    };
    assert.equal(await second(2), 1);
    assert.equal(await second(3), 1, 'two in a second are few');
    assert.equal(await second(100), 2, 'three are many');
    for (let i = 0; i < 100; i++) await second(1000);
    assert.equal(await second(1), 32);
    await environment.advance(60_000);
    assert.equal(await second(1), 31);
  });
});
