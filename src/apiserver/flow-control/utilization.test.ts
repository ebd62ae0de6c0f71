/** How far seats and queues were used over time, as a scrape of a whole server shows it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpResponse } from '#base/http/message.ts';
import type { PriorityLevelConfigurationSpec } from '#api/gen/flowcontrol-v1.ts';
import type { TimingRatio } from '#base/timing-ratio.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { requestInfoOf } from '../request-info.ts';
import { PriorityLevel } from './priority-level.ts';
import type { Ticket, WorkEstimate } from './queue.ts';
import { SchemaCounts } from './schema-counts.ts';
import type { Utilization } from './utilization.ts';

const GROUP = '/apis/flowcontrol.apiserver.k8s.io/v1';
const LEVELS = `${GROUP}/prioritylevelconfigurations`;
const MAPS = '/api/v1/namespaces/default/configmaps';
const MS = 1e6;

/** Nanoseconds by the limits of the buckets that have any, and the sum. */
type Times = Readonly<Record<string, number>>;

/** A server whose level `testing` has 2 seats and 8 places to wait, and a user whose level it is. */
async function server() {
  const server = await TestApiServer.start({
    limits: { readsInFlight: 2, writesInFlight: 0, requestTimeoutMs: 60_000 },
  });
  await server.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'permit' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'noxu' }],
  });
  await server.must(`POST ${LEVELS}`, {
    metadata: { name: 'testing' },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 1_000_000,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Queue', queuing: QUEUING },
      },
    },
  });
  const resources = ['*'];
  const scope = { namespaces: ['*'], clusterScope: true };
  await server.must(`POST ${GROUP}/flowschemas`, {
    metadata: { name: 'testing' },
    spec: {
      matchingPrecedence: 50,
      priorityLevelConfiguration: { name: 'testing' },
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: 'noxu' } }],
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources, ...scope }],
        },
      ],
    },
  });
  return server;
}

const QUEUING = { queues: 4, handSize: 1, queueLengthLimit: 2 };
const ONE: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalMs: 0 };
const EXEMPT_SPEC: PriorityLevelConfigurationSpec = { type: 'Exempt', exempt: {} };

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

/** Over the network, of no component of this process. */
function ask(server: TestApiServer, method: string, url: string): Promise<HttpResponse> {
  return server.server.handler({
    method,
    url,
    headers: {},
    peer: { certificate: { commonName: 'noxu', organizations: [] } },
  });
}

/** A list as of a revision that never comes: it runs until it is told so, after 3 s. */
const hang = (server: TestApiServer): Promise<HttpResponse> =>
  ask(server, 'GET', `${MAPS}?resourceVersion=999999999`);
const HANG_MS = 3000;

async function scrape(server: TestApiServer): Promise<string[]> {
  const { body } = await server.call('GET /metrics');
  return String(body).split('\n');
}

/** The samples of one series since `before`, whose labels are `labels`, buckets without those below. */
function timesOf(lines: readonly string[], name: string, labels: string): Map<string, number> {
  const times = new Map<string, number>();
  let below = 0;
  for (const line of lines) {
    const [, part = '', found = '', limit, value] =
      /^apiserver_flowcontrol_(\w+)_(?:bucket|sum|count)\{(.*?)(?:,le="(.*)")?\} (\S+)$/.exec(
        line,
      ) ?? [];
    if (part !== name || found !== labels) continue;
    const key = limit ?? /_(sum|count)\{/.exec(line)?.[1] ?? '';
    times.set(key, limit === undefined ? Number(value) : Number(value) - below);
    if (limit !== undefined) below = Number(value);
  }
  return times;
}

/** What has been counted of a series between two scrapes. */
function between(
  before: readonly string[],
  after: readonly string[],
  name: string,
  labels: string,
): Times {
  const first = timesOf(before, name, labels);
  const all = [...timesOf(after, name, labels)];
  assert.ok(all.length > 0, `${name}{${labels}} is not there`);
  const times = all.map(([key, value]) => [key, value - (first.get(key) ?? 0)] as const);
  return Object.fromEntries(times.filter(([, value]) => value !== 0));
}

function gauges(lines: readonly string[], name: string): number[] {
  const values = lines.filter((line) => line.startsWith(`apiserver_flowcontrol_${name}{`));
  return values.map((line) => Number(line.split(' ')[1]));
}

const LEVEL = 'priority_level="testing"';
const PART = 'priority_level_request_utilization';

describe('a scrape', () => {
  it('has the labels and buckets of upstream', async () => {
    const lines = await scrape(await server());
    const shape = (name: string, labels: string): string => {
      const metric = `apiserver_flowcontrol_${name}`;
      assert.ok(lines.some((line) => line.startsWith(`# HELP ${metric} [ALPHA] `)));
      assert.ok(lines.includes(`# TYPE ${metric} histogram`));
      const limits = [...timesOf(lines, name, labels).keys()];
      assert.deepEqual(limits.splice(-3), ['+Inf', 'sum', 'count']);
      return limits.join(' ');
    };
    const seats = '0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 0.95 0.99 1';
    const demand = '0.2 0.4 0.6 0.8 1 1.2 1.4 1.7 2 2.8 4 6';
    assert.equal(shape('priority_level_seat_utilization', `phase="executing",${LEVEL}`), seats);
    assert.equal(shape('demand_seats', LEVEL), demand);
    for (const phase of ['waiting', 'executing']) {
      const requests = '0 0.001 0.003 0.01 0.03 0.1 0.25 0.5 0.75 1';
      assert.equal(shape(PART, `phase="${phase}",${LEVEL}`), requests);
      for (const kind of ['readOnly', 'mutating'])
        assert.equal(
          shape('read_vs_write_current_requests', `phase="${phase}",request_kind="${kind}"`),
          seats.replace('0 ', '0 0.001 0.01 '),
        );
    }
  });

  it('shows for how long requests waited and ran, to the nanosecond', async () => {
    const it = await server();
    const before = await scrape(it);
    await it.environment.advance(7);
    const first = hang(it);
    await it.environment.advance(50);
    // The second runs beside it, two more wait: they run when these two end.
    const others = [hang(it), hang(it), hang(it)];
    await it.environment.advance(100);
    const soon = await scrape(it);
    const since = (name: string, labels: string): Times => between(before, soon, name, labels);
    assert.deepEqual(since(PART, `phase="executing",${LEVEL}`), {
      '0': 7 * MS,
      '0.5': 50 * MS,
      '1': 100 * MS,
      sum: (25 + 100) * MS,
      count: 157 * MS,
    });
    assert.deepEqual(since(PART, `phase="waiting",${LEVEL}`), {
      '0': 57 * MS,
      '0.25': 100 * MS,
      sum: 25 * MS,
      count: 157 * MS,
    });
    assert.deepEqual(since('priority_level_seat_utilization', `phase="executing",${LEVEL}`), {
      '0': 7 * MS,
      '0.5': 50 * MS,
      '1': 100 * MS,
      sum: (25 + 100) * MS,
      count: 157 * MS,
    });
    assert.deepEqual(since('demand_seats', LEVEL), {
      '0.2': 7 * MS,
      '0.6': 50 * MS,
      '2': 100 * MS,
      sum: (25 + 200) * MS,
      count: 157 * MS,
    });
    await it.environment.resolve(Promise.all([first, ...others]));
    const after = await scrape(it);
    const running = { '0': 7 * MS, '0.5': 100 * MS, '1': 5950 * MS };
    assert.deepEqual(between(before, after, PART, `phase="executing",${LEVEL}`), {
      ...running,
      sum: (50 + 5950) * MS,
      count: 6057 * MS,
    });
    assert.deepEqual(between(before, after, PART, `phase="waiting",${LEVEL}`), {
      '0': 3057 * MS,
      '0.25': HANG_MS * MS,
      sum: (0.25 * 2950 + 0.125 * 50) * MS,
      count: 6057 * MS,
    });
  });

  it('shows reads and writes apart, as parts of what the server takes', async () => {
    const it = await server();
    const { items } = await it.must(`GET ${LEVELS}`);
    const places = items.map(({ spec }: { spec: PriorityLevelConfigurationSpec }) => {
      const queuing = spec.limited?.limitResponse?.queuing;
      return queuing === undefined ? 0 : queuing.queues * queuing.queueLengthLimit;
    });
    const waitingMax = sum(places);
    const before = await scrape(it);
    const seats = sum(gauges(before, 'nominal_limit_seats'));
    assert.deepEqual([waitingMax, seats], [26_408, 9]);
    const since = async (phase: string, kind: string): Promise<Times> => {
      const labels = `phase="${phase}",request_kind="${kind}"`;
      return between(before, await scrape(it), 'read_vs_write_current_requests', labels);
    };
    const running = [hang(it), hang(it)];
    await it.environment.advance(10);
    const gone = ask(it, 'GET', `${MAPS}?timeout=400ms`);
    const write = ask(it, 'DELETE', `${MAPS}/none`);
    assert.equal((await it.environment.resolve(gone)).status, 429);
    assert.deepEqual(await since('waiting', 'readOnly'), {
      '0': 10 * MS,
      '0.001': 100 * MS,
      sum: (100 * MS) / waitingMax,
      count: 110 * MS,
    });
    await it.environment.resolve(Promise.all(running));
    assert.equal((await it.environment.resolve(write)).status, 404);
    await it.environment.advance(5000 - HANG_MS);
    assert.deepEqual(await since('executing', 'readOnly'), {
      '0': 2000 * MS,
      '0.3': 3000 * MS,
      sum: (2 * 3000 * MS) / seats,
      count: 5000 * MS,
    });
    assert.deepEqual(await since('waiting', 'readOnly'), {
      '0': 4900 * MS,
      '0.001': 100 * MS,
      sum: (100 * MS) / waitingMax,
      count: 5000 * MS,
    });
    assert.deepEqual(await since('waiting', 'mutating'), {
      '0': 2010 * MS,
      '0.001': 2990 * MS,
      sum: (2990 * MS) / waitingMax,
      count: 5000 * MS,
    });
    assert.deepEqual(await since('executing', 'mutating'), { '0': 5000 * MS, count: 5000 * MS });
  });

  it('shows how many ran and waited at most in the last second', async () => {
    const it = await server();
    const most = async (what: string): Promise<(string | undefined)[]> => {
      const lines = await scrape(it);
      const name = `apiserver_current_${what}_requests`;
      const named = lines.filter((line) => line.startsWith(`${name}{`));
      return ['readOnly', 'mutating'].map((kind) =>
        named
          .find((line) => line.includes(`"${kind}"`))
          ?.split(' ')
          .at(1),
      );
    };
    await it.environment.advance(2000 - (it.environment.clock.monotonicMs() % 1000));
    await scrape(it);
    await it.environment.advance(100);
    const running = [hang(it), hang(it)];
    await it.environment.advance(100);
    const waiting = [hang(it), ask(it, 'DELETE', `${MAPS}/none`)];
    await it.environment.advance(100);
    assert.deepEqual(await most('inqueue'), ['0', '0']);
    await it.environment.advance(1000);
    assert.deepEqual(await most('inqueue'), ['1', '1']);
    assert.deepEqual(await most('inflight'), ['3', '0'], 'with the scrape itself');
    await it.environment.resolve(Promise.all([...running, ...waiting]));
    await it.environment.advance(2000);
    assert.deepEqual(await most('inqueue'), ['0', '0']);
  });

  it('shows nothing of a level that is gone, and begins anew when it comes again', async () => {
    const it = await server();
    await it.environment.advance(10);
    const names = [PART, 'priority_level_seat_utilization', 'demand_seats'];
    const has = (lines: readonly string[], level: string) =>
      names.map((name) =>
        lines.some(
          (line) =>
            line.startsWith(`apiserver_flowcontrol_${name}_count{`) &&
            line.includes(`priority_level="${level}"`),
        ),
      );
    const there = await scrape(it);
    const [exempt, testing] = [has(there, 'exempt'), has(there, 'testing')];
    assert.deepEqual(
      [exempt, testing],
      [
        [true, true, true],
        [true, true, true],
      ],
    );
    const object = await it.must(`GET ${LEVELS}/testing`);
    await it.must(`DELETE ${LEVELS}/testing`);
    assert.deepEqual(has(await scrape(it), 'testing'), [false, false, false]);
    await it.must(`POST ${LEVELS}`, { metadata: { name: 'testing' }, spec: object.spec });
    await it.environment.advance(5);
    await scrape(it);
    await it.environment.advance(2);
    const again = timesOf(await scrape(it), 'demand_seats', LEVEL);
    assert.ok((again.get('count') ?? 0) <= 7 * MS, 'since it came');
    assert.ok((again.get('count') ?? 0) >= 2 * MS);
  });
});

describe('a level is measured', () => {
  function level(limited: PriorityLevelConfigurationSpec['limited']) {
    const environment = new VirtualEnvironment();
    const spec = limited === undefined ? EXEMPT_SPEC : { type: 'Limited', limited };
    const one = new PriorityLevel('testing', spec, environment, () => {});
    const start = (work: WorkEstimate = ONE): Ticket | undefined =>
      one.queues.start({
        schema: 'testing',
        distinguisher: '',
        counts: new SchemaCounts('testing', 'testing'),
        source: { user: { name: 'noxu', groups: [] }, info: requestInfoOf('GET', MAPS) },
        work,
        isPatient: false,
      });
    /** The sum over the next second: the ratio itself, unless it changes. */
    const ratio = async (ratioOf: (times: Utilization) => TimingRatio): Promise<number> => {
      const times = ratioOf(one.utilization);
      const before = times.until(environment.clock.monotonicMs());
      await environment.advance(1000);
      return (times.until(environment.clock.monotonicMs()).sum - before.sum) / 1000 / MS;
    };
    return { environment, one, start, ratio };
  }
  const queued = (queueLengthLimit: number) => ({
    limitResponse: { type: 'Queue', queuing: { ...QUEUING, queueLengthLimit } },
  });

  it('by the seats that it has at the time', async () => {
    const { one, start, ratio } = level(queued(2));
    one.setSeats(4, 600);
    start();
    start({ ...ONE, initialSeats: 2 });
    assert.equal(await ratio(({ executing }) => executing), 0.5);
    assert.equal(await ratio(({ seats }) => seats), 0.75);
    assert.equal(await ratio(({ demand }) => demand), 0.75);
    one.setSeats(8, 600);
    assert.equal(await ratio(({ executing }) => executing), 0.25);
    assert.equal(await ratio(({ seats }) => seats), 0.375);
    assert.equal(await ratio(({ demand }) => demand), 0.375);
  });

  it('by a tenth of the server’s seats while it has none, and by one at least', async () => {
    const { one, start, ratio } = level(undefined);
    one.setSeats(0, 52);
    start();
    for (const name of ['executing', 'seats', 'demand'] as const)
      assert.equal(await ratio((times) => times[name]), 0.2);
    one.setSeats(0, 4);
    for (const name of ['executing', 'seats', 'demand'] as const)
      assert.equal(await ratio((times) => times[name]), 1);
  });

  it('by what its queues take, and by the length of the last ones when they go', async () => {
    const { one, start, ratio } = level(queued(5));
    one.setSeats(1, 600);
    for (let i = 0; i < 3; i++) start();
    assert.equal(await ratio(({ waiting }) => waiting), 0.1);
    one.spec = { type: 'Limited', limited: queued(2) };
    one.setSeats(1, 600);
    assert.equal(await ratio(({ waiting }) => waiting), 0.25);
    one.spec = { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } };
    one.setSeats(1, 600);
    assert.equal(await ratio(({ waiting }) => waiting), 1);
  });

  it('by the seats that are held after the answer, which are no request any more', async () => {
    const { environment, one, start, ratio } = level(queued(2));
    one.setSeats(4, 600);
    const ticket = start({ initialSeats: 1, finalSeats: 2, additionalMs: 500 });
    assert.ok(ticket !== undefined);
    await environment.advance(100);
    one.queues.finish(ticket);
    assert.equal(await ratio(({ executing }) => executing), 0);
    const { seats, executing, demand } = one.utilization;
    const nowMs = environment.clock.monotonicMs();
    assert.equal(executing.until(nowMs).sum, 0.25 * 100 * MS);
    assert.equal(seats.until(nowMs).sum, 0.5 * 600 * MS);
    assert.equal(demand.until(nowMs).sum, 0.5 * 600 * MS);
  });
});
