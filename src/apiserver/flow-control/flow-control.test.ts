/** Priority and fairness through the API server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import { type Identity, TestApiServer } from '#kit/api-server.ts';

const GROUP = '/apis/flowcontrol.apiserver.k8s.io/v1';
const MAPS = '/api/v1/namespaces/default/configmaps';
const SCHEMA_UID = 'x-kubernetes-pf-flowschema-uid';
const LEVEL_UID = 'x-kubernetes-pf-prioritylevel-uid';
const NOXU: Identity = { name: 'noxu', groups: ['system:authenticated'] };

const level = (name: string, more: object = { type: 'Reject' }, limited: object = {}) => ({
  metadata: { name },
  spec: {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 1, limitResponse: more, ...limited },
  },
});
const schema = (name: string, users: string[], levelName = name, more: object = {}) => ({
  metadata: { name },
  spec: {
    matchingPrecedence: 50,
    priorityLevelConfiguration: { name: levelName },
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: users.map((user) => ({ kind: 'User', user: { name: user } })),
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        resourceRules: [
          {
            verbs: ['*'],
            apiGroups: ['*'],
            resources: ['*'],
            namespaces: ['*'],
            clusterScope: true,
          },
        ],
      },
    ],
    ...more,
  },
});

async function install(
  server: TestApiServer,
  name: string,
  users: string[],
  response?: object,
  limited?: object,
) {
  const made = await server.must(
    `POST ${GROUP}/prioritylevelconfigurations`,
    level(name, response, limited),
  );
  const flow = await server.must(`POST ${GROUP}/flowschemas`, schema(name, users));
  return { levelUid: made.metadata.uid as string, schemaUid: flow.metadata.uid as string };
}

/** Everybody of `users` may do everything. */
async function permit(server: TestApiServer, ...users: string[]): Promise<void> {
  await server.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'permit' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: users.map((name) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name })),
  });
}

/** A request over the network, as a front proxy would send it: of no component of this process. */
function ask(
  server: TestApiServer,
  user: string,
  url: string,
  more: Partial<HttpRequest> = {},
): Promise<HttpResponse> {
  return server.server.handler({
    method: 'GET',
    url,
    headers: {},
    peer: { certificate: { commonName: user, organizations: [] } },
    ...more,
  });
}

async function metric(server: TestApiServer, name: string): Promise<number | undefined> {
  const { body } = await server.call('GET /metrics');
  const lines = String(body).split('\n');
  const found = lines.find((line) => line.startsWith(`apiserver_flowcontrol_${name} `));
  return found === undefined ? undefined : Number(found.split(' ')[1]);
}

describe('an answer', () => {
  it('names the flow schema and the priority level that the request was of', async () => {
    const server = await TestApiServer.start();
    const { levelUid, schemaUid } = await install(server, 'testing', ['noxu']);
    for (const path of ['/version', '/nowhere', MAPS]) {
      const { headers } = await server.call(`GET ${path}`, undefined, { as: NOXU });
      assert.equal(headers[LEVEL_UID], levelUid, path);
      assert.equal(headers[SCHEMA_UID], schemaUid, path);
    }
    const other = await server.call('GET /version', undefined, { as: { ...NOXU, name: 'foo' } });
    const all = await server.must(`GET ${GROUP}/flowschemas/global-default`);
    assert.equal(other.headers[SCHEMA_UID], all.metadata.uid);
    const master = await server.call('GET /version');
    const exempt = await server.must(`GET ${GROUP}/prioritylevelconfigurations/exempt`);
    assert.equal(master.headers[LEVEL_UID], exempt.metadata.uid);
  });

  it('names none where priority and fairness is off', async () => {
    const server = await TestApiServer.start({ priorityAndFairness: false });
    const { headers } = await server.call('GET /version', undefined, { as: NOXU });
    assert.equal(headers[SCHEMA_UID], undefined);
    assert.equal(await metric(server, 'current_limit_seats{priority_level="exempt"}'), undefined);
    const { status } = await server.call('GET /debug/api_priority_and_fairness/dump_queues');
    assert.equal(status, 404);
  });

  it('goes by who acts, not by who is acted as', async () => {
    const server = await TestApiServer.start();
    const { levelUid } = await install(server, 'testing', ['noxu']);
    const headers = { 'impersonate-user': 'noxu' };
    const reply = await server.call('GET /version', undefined, { headers });
    assert.equal(reply.headers[LEVEL_UID], levelUid, 'upstream: impersonation comes first');
  });
});

describe('the configuration', () => {
  it('is taken up with the next request, and so is its end', async () => {
    const server = await TestApiServer.start();
    const { levelUid } = await install(server, 'testing', ['noxu']);
    const uid = async (): Promise<string | undefined> =>
      (await server.call('GET /version', undefined, { as: NOXU })).headers[LEVEL_UID];
    assert.equal(await uid(), levelUid);
    await server.must(`PATCH ${GROUP}/flowschemas/testing`, {
      spec: { priorityLevelConfiguration: { name: 'nowhere' } },
    });
    assert.notEqual(await uid(), levelUid, 'a schema without a level is none');
    const { status } = await server.must(`GET ${GROUP}/flowschemas/testing`);
    const [dangling] = status.conditions;
    assert.deepEqual([dangling.type, dangling.status], ['Dangling', 'True']);
    await server.must(`PATCH ${GROUP}/flowschemas/testing`, {
      spec: { priorityLevelConfiguration: { name: 'testing' } },
    });
    assert.equal(await uid(), levelUid);
    await server.must(`DELETE ${GROUP}/prioritylevelconfigurations/testing`);
    assert.notEqual(await uid(), levelUid);
    assert.equal(await metric(server, 'nominal_limit_seats{priority_level="testing"}'), undefined);
  });

  it('gives levels their parts of the seats', async () => {
    const server = await TestApiServer.start();
    const limits = async (name: string) =>
      Promise.all(
        ['nominal', 'lower', 'upper', 'current'].map((one) =>
          metric(server, `${one}_limit_seats{priority_level="${name}"}`),
        ),
      );
    assert.deepEqual(await limits('workload-low'), [
      245,
      24,
      845,
      await metric(server, 'current_limit_seats{priority_level="workload-low"}'),
    ]);
    assert.deepEqual((await limits('catch-all')).slice(0, 3), [13, 13, 613]);
    assert.deepEqual((await limits('exempt')).slice(0, 3), [0, 0, 600]);
    assert.equal(await metric(server, 'nominal_limit_seats{priority_level="system"}'), 74);
    const { body } = await server.call('GET /metrics');
    // Upstream has hidden them since v1.30 and v1.31.
    assert.doesNotMatch(String(body), /_request_concurrency_(?:limit|in_use)/);
  });

  it('has the mandatory objects, whatever somebody makes of them', async () => {
    const server = await TestApiServer.start();
    await server.call(`DELETE ${GROUP}/flowschemas/catch-all`);
    await server.environment.advance(1000);
    const { spec } = await server.must(`GET ${GROUP}/flowschemas/catch-all`);
    assert.equal(spec.matchingPrecedence, 10_000);
  });

  it('leaves alone a suggested object that says so', async () => {
    const server = await TestApiServer.start();
    const url = `${GROUP}/prioritylevelconfigurations/workload-low`;
    const shares = { spec: { limited: { nominalConcurrencyShares: 7 } } };
    const now = async (): Promise<number> => {
      await server.environment.advance(1000);
      return (await server.must(`GET ${url}`)).spec.limited.nominalConcurrencyShares;
    };
    await server.must(`PATCH ${url}`, shares);
    assert.equal(await now(), 100);
    const own = { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } } };
    await server.must(`PATCH ${url}`, { ...own, ...shares });
    assert.equal(await now(), 7);
  });
});

describe('who finds no seat', () => {
  async function crowded(response: object, options: { seats?: number } = {}) {
    const server = await TestApiServer.start({
      limits: { readsInFlight: options.seats ?? 2, writesInFlight: 0, requestTimeoutMs: 20_000 },
    });
    await permit(server, 'noxu', 'eve');
    await install(server, 'testing', ['noxu', 'eve'], response, {
      nominalConcurrencyShares: 1_000_000,
      borrowingLimitPercent: 0,
    });
    // A list as of a revision that never comes waits for it.
    const hang = (user: string, more: Partial<HttpRequest> = {}) =>
      ask(server, user, `${MAPS}?resourceVersion=999999999`, more);
    const settle = (): Promise<void> => server.environment.advance(0);
    return { server, hang, settle };
  }

  it('is refused where the level has no queues', async () => {
    const { server, hang, settle } = await crowded({ type: 'Reject' });
    const first = [hang('noxu'), hang('noxu')];
    await settle();
    const { status, headers, body } = await ask(server, 'noxu', MAPS);
    assert.equal(status, 429);
    assert.equal(headers['retry-after'], '1');
    assert.ok(headers[LEVEL_UID]);
    assert.ok(body?.kind === 'bytes');
    const { message, reason } = JSON.parse(Buffer.from(body.bytes).toString());
    assert.deepEqual(
      [message, reason],
      ['Too many requests, please try again later.', 'TooManyRequests'],
    );
    await server.environment.resolve(Promise.all(first));
    assert.equal((await server.environment.resolve(ask(server, 'noxu', MAPS))).status, 200);
    const labels = 'flow_schema="testing",reason="concurrency-limit"';
    assert.equal(
      await metric(server, `rejected_requests_total{priority_level="testing",${labels}}`),
      1,
    );
    const { body: page } = await server.call('GET /metrics');
    assert.match(String(page), /apiserver_request_terminations_total\{code="429".*\} 1\n/);
  });

  const queuing = { queues: 4, handSize: 1, queueLengthLimit: 2 };

  it('waits where there are queues, and is served in turn', async () => {
    const { server, hang, settle } = await crowded({ type: 'Queue', queuing });
    const first = [hang('noxu'), hang('noxu')];
    await settle();
    const third = ask(server, 'noxu', MAPS);
    await settle();
    const count = (name: string) =>
      metric(server, `${name}{priority_level="testing",flow_schema="testing"}`);
    assert.equal(await count('current_inqueue_requests'), 1);
    assert.equal(await count('current_executing_requests'), 2);
    assert.equal(await count('current_executing_seats'), 2);
    assert.equal((await server.environment.resolve(third)).status, 200);
    await server.environment.resolve(Promise.all(first));
    assert.equal(await count('current_executing_requests'), 0);
    const waits =
      'request_wait_duration_seconds_count{priority_level="testing",flow_schema="testing"';
    assert.equal(await metric(server, `${waits},execute="true"}`), 3);
  });

  it('is refused where its queue is full', async () => {
    const { server, hang, settle } = await crowded({ type: 'Queue', queuing });
    const running = [hang('noxu'), hang('noxu'), hang('noxu'), hang('noxu')];
    await settle();
    assert.equal((await hang('noxu')).status, 429);
    await server.environment.resolve(Promise.all(running));
  });

  it('waits a quarter of its time, and no longer', async () => {
    const { server, settle } = await crowded({ type: 'Queue', queuing }, { seats: 1 });
    // A watch holds its seat until it is answered.
    const first = ask(server, 'noxu', `${MAPS}?watch=true&resourceVersion=999999999`);
    await settle();
    let at: number | undefined;
    const asked = server.environment.clock.monotonicMs();
    const end = async (reply: Promise<HttpResponse>): Promise<number> => {
      const { status } = await reply;
      at = server.environment.clock.monotonicMs() - asked;
      return status;
    };
    const waits = end(ask(server, 'noxu', `${MAPS}?timeout=4s`));
    await server.environment.advance(999);
    assert.equal(at, undefined);
    assert.equal(await server.environment.resolve(waits), 429);
    assert.equal(at, 1000);
    await server.environment.resolve(first);
    const labels = 'flow_schema="testing",reason="time-out"';
    assert.equal(
      await metric(server, `rejected_requests_total{priority_level="testing",${labels}}`),
      1,
    );
  });

  it('leaves no trace when it goes', async () => {
    const { server, hang, settle } = await crowded({ type: 'Queue', queuing });
    const gone = new AbortController();
    const first = [hang('noxu'), hang('noxu')];
    await settle();
    const waits = hang('noxu', { signal: gone.signal });
    await settle();
    gone.abort();
    await server.environment.resolve(waits);
    const late = await server.environment.resolve(hang('noxu', { signal: gone.signal }));
    assert.equal(late.status, 429);
    const waiting = 'current_inqueue_requests{priority_level="testing",flow_schema="testing"}';
    assert.equal(await metric(server, waiting), 0);
    await server.environment.resolve(Promise.all(first));
  });

  it('waits all the same when it is a component of this process', async () => {
    const { server, hang, settle } = await crowded({ type: 'Queue', queuing });
    const running = [hang('noxu'), hang('noxu'), hang('noxu'), hang('noxu')];
    await settle();
    const component = { peer: { component: { name: 'noxu', groups: [] } } };
    const waits = [1, 2, 3].map(() => ask(server, 'noxu', MAPS, component));
    await server.environment.resolve(Promise.all(running));
    const replies = await server.environment.resolve(Promise.all(waits));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200],
    );
  });

  it('is shown to who looks', async () => {
    const { server, hang, settle } = await crowded({ type: 'Queue', queuing });
    const first = [hang('noxu'), hang('noxu'), hang('noxu')];
    await settle();
    const page = async (name: string): Promise<string[]> => {
      const { body } = await server.call(`GET /debug/api_priority_and_fairness/${name}`);
      return String(body)
        .split('\n')
        .filter((line) => line.startsWith('testing') || line.startsWith('PriorityLevelName'));
    };
    assert.deepEqual(
      (await page('dump_priority_levels')).map((line) => line.split(/,? +/)),
      [
        [
          'PriorityLevelName',
          'ActiveQueues',
          'IsIdle',
          'IsQuiescing',
          'WaitingRequests',
          'ExecutingRequests',
          'DispatchedRequests',
          'RejectedRequests',
          'TimedoutRequests',
          'CancelledRequests',
        ],
        ['testing', '1', 'false', 'false', '1', '2', '2', '0', '0', '0'],
      ],
    );
    assert.equal((await page('dump_queues')).length, 5);
    const [head = '', ...rows] = await page('dump_requests?includeRequestDetails=1');
    assert.match(head, /FlowDistingsher, .*SubResource$/);
    assert.equal(rows.length, 3);
    assert.ok(
      rows.every((row) => /, +noxu, +2026-01-01T00:00:\d\d/.test(row) && row.includes('list,')),
    );
    assert.equal(rows.filter((row) => row.includes('0001-01-01T00:00:00Z')).length, 1);
    await server.environment.resolve(Promise.all(first));
  });

  it('is not in the way of those that run long', async () => {
    const { server, hang, settle } = await crowded({ type: 'Reject' });
    await server.must('POST /api/v1/namespaces/default/configmaps', { metadata: { name: 'a' } });
    const watch = await server.environment.resolve(ask(server, 'noxu', `${MAPS}?watch=true`));
    assert.equal(watch.status, 200);
    const executing = 'current_executing_requests{priority_level="testing",flow_schema="testing"}';
    assert.equal(await metric(server, executing), 0, 'a watch that is answered holds no seat');
    const first = [hang('noxu'), hang('noxu')];
    await settle();
    const { status } = await ask(server, 'noxu', '/api/v1/namespaces/default/pods/p/log');
    assert.equal(status, 404, 'the log of a pod takes no seat');
    await server.environment.resolve(Promise.all(first));
  });
});

describe('a level that goes', () => {
  it('stays until the last one has left it', async () => {
    const server = await TestApiServer.start({ limits: { requestTimeoutMs: 20_000 } });
    await permit(server, 'noxu');
    await install(server, 'testing', ['noxu']);
    const hangs = ask(server, 'noxu', `${MAPS}?resourceVersion=999999999`);
    await server.environment.advance(0);
    await server.must(`DELETE ${GROUP}/prioritylevelconfigurations/testing`);
    const nominal = () => metric(server, 'nominal_limit_seats{priority_level="testing"}');
    assert.ok(((await nominal()) ?? 0) > 0);
    await server.environment.resolve(hangs);
    assert.equal(await nominal(), undefined);
  });
});

describe('a flood', () => {
  it('of lists by one leaves the others served, and leases renewed', async () => {
    const server = await TestApiServer.start({ limits: { requestTimeoutMs: 60_000 } });
    await permit(server, 'noxu', 'eve');
    for (let i = 0; i < 3; i++)
      await server.must(`POST ${MAPS}`, { metadata: { name: `map-${i}` } });
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const holder = { metadata: { name: 'n1' }, spec: { holderIdentity: 'n1' } };
    await server.must(`POST ${lease}`, holder);
    const flood = Array.from({ length: 500 }, () =>
      ask(server, 'noxu', `${MAPS}?resourceVersion=999999999`),
    );
    await server.environment.advance(0);
    const began = server.environment.clock.monotonicMs();
    const took = (): number => server.environment.clock.monotonicMs() - began;
    const node: Partial<HttpRequest> = {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: Buffer.from('{"spec":{"renewTime":"2026-01-01T00:00:00.000000Z"}}'),
      peer: { certificate: { commonName: 'system:node:n1', organizations: ['system:nodes'] } },
    };
    const renewed = await ask(server, 'system:node:n1', `${lease}/n1`, node);
    assert.deepEqual([renewed.status, took()], [200, 0]);
    const calm = await server.environment.resolve(
      Promise.all(Array.from({ length: 10 }, () => ask(server, 'eve', `${MAPS}/map-1`))),
    );
    assert.ok(calm.every(({ status }) => status === 200));
    assert.ok(took() < 5_000, `after ${took()} ms`);
    const statuses = await server.environment.resolve(Promise.all(flood));
    assert.ok(
      statuses.some(({ status }) => status === 429),
      'some of the flood are refused',
    );
  });
});

describe('seats', () => {
  it('are lent to who needs them, and come back', async () => {
    const server = await TestApiServer.start({ limits: { requestTimeoutMs: 120_000 } });
    await permit(server, 'noxu');
    await install(server, 'testing', ['noxu'], {
      type: 'Queue',
      queuing: { queues: 8, handSize: 2, queueLengthLimit: 500 },
    });
    const current = async (): Promise<number> =>
      (await metric(server, 'current_limit_seats{priority_level="testing"}')) ?? 0;
    const own = (await metric(server, 'nominal_limit_seats{priority_level="testing"}')) ?? 0;
    assert.equal(own, 3);
    const flood = Array.from({ length: 200 }, () =>
      ask(server, 'noxu', `${MAPS}?resourceVersion=999999999`),
    );
    for (const one of flood) one.catch(() => {});
    await server.environment.advance(11_000);
    const lent = await current();
    assert.ok(lent > 100, `${lent} seats after a period`);
    const low = (await metric(server, 'current_limit_seats{priority_level="workload-low"}')) ?? 0;
    assert.ok(low >= 24, 'the others keep what they cannot lend');
    await server.environment.resolve(Promise.all(flood));
    await server.environment.advance(3_600_000);
    assert.ok((await current()) < 20, 'nobody asks any more');
  });
});
