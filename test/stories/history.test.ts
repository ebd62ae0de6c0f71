/**
 * The API's compaction and the history behind it, on a whole API server in virtual time.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Reply, TestApiServer } from '#kit/api-server.ts';
import { MemoryStore } from '#store/memory.ts';

type Body = Reply['body'];

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const HISTORY = '/apis/history.coxswain.dev/v1';
const MAPS = '/api/v1/namespaces/default/configmaps';
const ANN = { name: 'ann', groups: ['system:authenticated'] };

function map(name: string, data: Record<string, string>, more: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...more }, data };
}

/** Lets `ann` use `verbs` on the core group's resources. */
async function allow(server: TestApiServer, verbs: readonly string[], resources = ['configmaps']) {
  const metadata = { name: `ann-${verbs.join('-')}` };
  await server.must('POST /apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata,
    rules: [{ apiGroups: [''], resources, verbs }],
  });
  await server.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }],
  });
}

describe('compaction by the API server', () => {
  it('lets continue tokens, exact lists and watches expire after five to ten minutes', async () => {
    const server = await TestApiServer.start();
    for (const name of ['a', 'b', 'c']) await server.must(`POST ${MAPS}`, map(name, { v: '1' }));
    const page = await server.must(`GET ${MAPS}?limit=1`);
    const { continue: token, resourceVersion } = page.metadata;
    await server.must(`DELETE ${MAPS}/b`);
    await server.environment.advance(4 * MINUTE);
    const second = await server.must(`GET ${MAPS}?limit=1&continue=${token}`);
    assert.equal(second.items[0].metadata.name, 'b');
    await server.environment.advance(7 * MINUTE);
    const expired = await server.call(`GET ${MAPS}?limit=1&continue=${token}`);
    assert.equal(expired.status, 410);
    assert.equal(expired.body.reason, 'Expired');
    assert.match(expired.body.message, /^The provided continue parameter is too old to display/);
    const rest = await server.must(
      `GET ${MAPS}?limit=5&continue=${expired.body.metadata.continue}`,
    );
    assert.deepEqual(
      rest.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      ['c'],
    );
    const exact = `resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`;
    assert.equal(
      await server.refusal(`GET ${MAPS}?${exact}`),
      '410 The resourceVersion for the provided list is too old.',
    );
    const watch = await server.must(`GET ${MAPS}?watch=true&resourceVersion=${resourceVersion}`);
    assert.equal(watch.type, 'ERROR');
    assert.match(
      `${watch.object.code} ${watch.object.message}`,
      new RegExp(`^410 too old resource version: ${resourceVersion} \\(\\d+\\)$`),
    );
  });

  it('never takes what is younger than five minutes', async () => {
    const server = await TestApiServer.start();
    for (const name of ['a', 'b']) await server.must(`POST ${MAPS}`, map(name, {}));
    for (let minute = 0; minute < 12; minute++) {
      const page = await server.must(`GET ${MAPS}?limit=1`);
      await server.must(`PATCH ${MAPS}/b`, { data: { minute: `${minute}` } });
      await server.environment.advance(MINUTE - 1);
      const rest = await server.must(`GET ${MAPS}?continue=${page.metadata.continue}`);
      assert.notEqual(rest.items[0].data?.minute, `${minute}`);
    }
  });

  it('expires an exact list of what never changed, as upstream does', async () => {
    const server = await TestApiServer.start();
    const made = await server.must(`POST ${MAPS}`, map('a', {}));
    const exact = `resourceVersion=${made.metadata.resourceVersion}&resourceVersionMatch=Exact`;
    await server.must(`POST /api/v1/namespaces/default/secrets`, { metadata: { name: 's' } });
    assert.equal((await server.must(`GET ${MAPS}?${exact}`)).items.length, 1);
    await server.environment.advance(11 * MINUTE);
    assert.match(await server.refusal(`GET ${MAPS}?${exact}`), /^410 /);
  });

  it('is remembered by a server that starts on the same store', async () => {
    const first = await TestApiServer.start();
    const made = await first.must(`POST ${MAPS}`, map('a', {}));
    const exact = `resourceVersion=${made.metadata.resourceVersion}&resourceVersionMatch=Exact`;
    await first.must(`POST /api/v1/namespaces/default/secrets`, { metadata: { name: 's' } });
    await first.environment.advance(11 * MINUTE);
    await first.server.stop();
    const { environment, store } = first;
    const second = await TestApiServer.start({ environment, store });
    assert.match(await second.refusal(`GET ${MAPS}?${exact}`), /^410 /);
  });
});

describe('the history behind the compaction', () => {
  it('tells who changed which field when', async () => {
    const server = await TestApiServer.start();
    await server.must(`POST ${MAPS}`, map('a', { x: '1', y: '1' }));
    await server.environment.advance(MINUTE);
    await allow(server, ['patch', 'delete']);
    await server.must(
      `PATCH ${MAPS}/a`,
      { data: { x: '2', y: null } },
      {
        as: ANN,
        headers: { 'user-agent': 'kubectl/v1.36' },
      },
    );
    await server.must(`DELETE ${MAPS}/a`, undefined, { as: ANN });
    await server.environment.advance(20 * MINUTE);
    const { revisions, object } = await server.must(`GET ${HISTORY}/revisions${MAPS}/a`);
    assert.deepEqual(object, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      namespace: 'default',
      name: 'a',
    });
    const told = revisions.map((one: Body) => [
      one.event,
      one.user,
      one.userAgent,
      one.verb,
      one.changes,
    ]);
    assert.deepEqual(told, [
      ['Deleted', 'ann', 'test', 'delete', undefined],
      [
        'Updated',
        'ann',
        'kubectl/v1.36',
        'patch',
        [
          { path: 'data.x', old: '1', new: '2' },
          { path: 'data.y', old: '1' },
        ],
      ],
      ['Created', 'admin', 'test', 'create', undefined],
    ]);
    assert.deepEqual(revisions[1].managers, ['kubectl', 'test']);
    const seconds = (one: { time: string }): number => Date.parse(one.time) / 1000;
    assert.equal(seconds(revisions[1]) - seconds(revisions[2]), 60);
  });

  it('narrows to one field, and goes on behind a limit', async () => {
    const server = await TestApiServer.start();
    await server.must(`POST ${MAPS}`, map('a', { x: '0', y: '0' }));
    for (const [x, y] of [
      ['1', '0'],
      ['1', '1'],
      ['2', '1'],
    ])
      await server.must(`PATCH ${MAPS}/a`, { data: { x, y } });
    const read = async (query: string) => server.must(`GET ${HISTORY}/revisions${MAPS}/a?${query}`);
    const whole = await read('field=.data.x');
    assert.deepEqual(
      whole.revisions.map((one: Body) => [one.event, ...one.changes]),
      [
        ['Updated', { path: 'data.x', old: '1', new: '2' }],
        ['Updated', { path: 'data.x', old: '0', new: '1' }],
        ['Created', { path: 'data.x', new: '0' }],
      ],
    );
    const first = await read('limit=3');
    const second = await read(`limit=3&continue=${first.metadata.continue}`);
    assert.deepEqual([first.revisions.length, second.revisions.length], [3, 1]);
    assert.equal(second.metadata.continue, undefined);
    assert.equal(second.revisions[0].event, 'Created');
  });

  it('gets and lists as of a revision and of a time, long after the compaction', async () => {
    const server = await TestApiServer.start();
    const a = await server.must(`POST ${MAPS}`, map('a', { v: '1' }, { labels: { app: 'x' } }));
    await server.must(`POST ${MAPS}`, map('b', { v: '1' }));
    const then = new Date(server.environment.clock.now()).toISOString();
    await server.environment.advance(1000);
    await server.must(`PATCH ${MAPS}/a`, { data: { v: '2' } });
    await server.must(`DELETE ${MAPS}/b`);
    await server.environment.advance(60 * MINUTE);
    const { resourceVersion } = a.metadata;
    const old = await server.must(`GET ${HISTORY}/objects${MAPS}/a?revision=${resourceVersion}`);
    assert.deepEqual(old, a);
    const b = `${HISTORY}/objects${MAPS}/b`;
    assert.match(
      await server.refusal(`GET ${b}?revision=${resourceVersion}`),
      /^404 .*"b" not found/,
    );
    assert.equal((await server.must(`GET ${b}?time=${then}`)).data.v, '1');
    const list = await server.must(`GET ${HISTORY}/objects${MAPS}?time=${then}`);
    assert.equal(list.kind, 'ConfigMapList');
    const names = (found: Body): string[] => found.items.map((item: Body) => item.metadata.name);
    assert.deepEqual(names(list), ['a', 'b']);
    const page = await server.must(`GET ${HISTORY}/objects${MAPS}?time=${then}&limit=1`);
    const next = `limit=1&continue=${page.metadata.continue}`;
    assert.deepEqual(names(await server.must(`GET ${HISTORY}/objects${MAPS}?${next}`)), ['b']);
    const labelled = `labelSelector=app%3Dx&revision=${list.metadata.resourceVersion}`;
    assert.deepEqual(names(await server.must(`GET ${HISTORY}/objects${MAPS}?${labelled}`)), ['a']);
    assert.match(await server.refusal(`GET ${HISTORY}/objects${MAPS}`), /^400 give a revision or/);
    assert.match(
      await server.refusal(`GET ${HISTORY}/objects${MAPS}?revision=999999`),
      /^400 Revision 999999 is in the future/,
    );
  });

  it('is dropped by age', async () => {
    const server = await TestApiServer.start({ history: { retentionMs: DAY } });
    const made = await server.must(`POST ${MAPS}`, map('a', { v: '1' }));
    await server.must(`PATCH ${MAPS}/a`, { data: { v: '2' } });
    await server.environment.advance(DAY - 10 * MINUTE);
    const at = `${HISTORY}/objects${MAPS}/a?revision=${made.metadata.resourceVersion}`;
    assert.equal((await server.must(`GET ${at}`)).data.v, '1');
    await server.environment.advance(20 * MINUTE);
    assert.match(await server.refusal(`GET ${at}`), /^410 the history does not reach back so far/);
    const { revisions, oldestRevision } = await server.must(`GET ${HISTORY}/revisions${MAPS}/a`);
    assert.deepEqual(
      revisions.map((one: Body) => [one.event, one.changes]),
      [['Updated', undefined]],
    );
    assert.ok(Number(oldestRevision) > Number(made.metadata.resourceVersion));
  });

  it('is dropped by size', async () => {
    const server = await TestApiServer.start({ history: { maxBytes: 20_000 } });
    const made = await server.must(`POST ${MAPS}`, map('a', { v: '' }));
    for (let count = 0; count < 10; count++)
      await server.must(`PATCH ${MAPS}/a`, { data: { v: `${count}`.repeat(4000) } });
    await server.environment.advance(11 * MINUTE);
    const { revisions } = await server.must(`GET ${HISTORY}/revisions${MAPS}/a`);
    assert.ok(revisions.length > 3 && revisions.length < 7, `${revisions.length} revisions`);
    const at = `${HISTORY}/objects${MAPS}/a?revision=${made.metadata.resourceVersion}`;
    assert.match(await server.refusal(`GET ${at}`), /^410 /);
  });

  it('shows what differs between two revisions, elements of lists by their keys', async () => {
    const server = await TestApiServer.start();
    const path = '/apis/apps/v1/namespaces/default/deployments';
    const labels = { app: 'd' };
    const containers = ['a', 'b'].map((name) => ({ name, image: 'one', args: ['x'] }));
    const made = await server.must(`POST ${path}`, {
      metadata: { name: 'd' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      },
    });
    const from = made.metadata.resourceVersion;
    const next = structuredClone(made);
    next.spec.template.spec.containers[1].image = 'two';
    next.spec.template.spec.containers[0].args = ['x', 'y'];
    next.spec.template.metadata.labels['app.kubernetes.io/name'] = 'd';
    await server.must(`PUT ${path}/d`, next);
    const diff = await server.must(`GET ${HISTORY}/diffs${path}/d?from=${from}`);
    const template = 'spec.template';
    assert.deepEqual(diff.changes, [
      { path: `${template}.metadata.labels["app.kubernetes.io/name"]`, new: 'd' },
      { path: `${template}.spec.containers[name=a].args`, old: ['x'], new: ['x', 'y'] },
      { path: `${template}.spec.containers[name=b].image`, old: 'one', new: 'two' },
    ]);
    assert.deepEqual([diff.from.revision, diff.to.revision], [from, String(Number(from) + 1)]);
    const none = await server.must(`GET ${HISTORY}/diffs${path}/d?from=${from}&to=${from}`);
    assert.deepEqual(none.changes, []);
    const image = `${template}.spec.containers[name=b].image`;
    const field = await server.must(
      `GET ${HISTORY}/diffs${path}/d?from=${from}&field=${encodeURIComponent(image)}`,
    );
    assert.deepEqual(field.changes, [{ path: image, old: 'one', new: 'two' }]);
  });
});

describe('the history of custom resources', () => {
  it('is there as for any other, elements of lists by the keys of their schema', async () => {
    const server = await TestApiServer.start();
    const text = { type: 'string' };
    const steps = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
      items: { type: 'object', required: ['id'], properties: { id: text, run: text } },
    };
    const spec = { type: 'object', properties: { steps } };
    await server.must('POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'plans.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'plans', singular: 'plan', kind: 'Plan', listKind: 'PlanList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          },
        ],
      },
    });
    await server.environment.advance(MINUTE);
    const path = '/apis/example.com/v1/namespaces/default/plans';
    const plan = (run: string) => ({
      apiVersion: 'example.com/v1',
      kind: 'Plan',
      metadata: { name: 'p' },
      spec: {
        steps: [
          { id: 'a', run: 'x' },
          { id: 'b', run },
        ],
      },
    });
    await server.must(`POST ${path}`, plan('one'));
    await server.must(`PATCH ${path}/p`, plan('two'));
    await server.must(`DELETE ${path}/p`);
    await server.environment.advance(11 * MINUTE);
    const { revisions } = await server.must(`GET ${HISTORY}/revisions${path}/p`);
    assert.deepEqual(
      revisions.map((one: Body) => [one.event, one.changes]),
      [
        ['Deleted', undefined],
        ['Updated', [{ path: 'spec.steps[id=b].run', old: 'one', new: 'two' }]],
        ['Created', undefined],
      ],
    );
    const back = await server.must(`POST ${HISTORY}/undelete${path}/p`);
    assert.equal(back.spec.steps[1].run, 'two');
  });
});

describe('undelete', () => {
  it('makes the object anew from its last state', async () => {
    const server = await TestApiServer.start();
    const owner = await server.must(`POST ${MAPS}`, map('owner', {}));
    const owners = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid },
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'another' },
    ];
    const made = await server.must(
      `POST ${MAPS}`,
      map('a', { v: '1' }, { ownerReferences: owners, labels: { app: 'x' } }),
    );
    await server.must(`PATCH ${MAPS}/a`, { data: { v: '2' } });
    await server.must(`DELETE ${MAPS}/a`);
    await server.environment.advance(30 * MINUTE);
    const dry = await server.call(`POST ${HISTORY}/undelete${MAPS}/a?dryRun=All`);
    assert.equal(dry.status, 201);
    assert.equal((await server.call(`GET ${MAPS}/a`)).status, 404);
    const back = await server.call(`POST ${HISTORY}/undelete${MAPS}/a?fieldManager=undeleter`);
    assert.equal(back.status, 201);
    const { metadata, data } = await server.must(`GET ${MAPS}/a`);
    assert.deepEqual([data, metadata.labels], [{ v: '2' }, { app: 'x' }]);
    assert.deepEqual(metadata.ownerReferences, [owners[0]]);
    const writers = metadata.managedFields.map(({ manager }: { manager: string }) => manager);
    assert.deepEqual(writers, ['undeleter']);
    assert.notEqual(metadata.uid, made.metadata.uid);
    assert.ok(Date.parse(metadata.creationTimestamp) > Date.parse(made.metadata.creationTimestamp));
    assert.deepEqual(back.body.metadata.uid, metadata.uid);
    assert.match(
      await server.refusal(`POST ${HISTORY}/undelete${MAPS}/a`),
      /^409 configmaps "a" already exists/,
    );
    assert.match(await server.refusal(`POST ${HISTORY}/undelete${MAPS}/never`), /^404 /);
  });

  it('takes the state at a revision when it is asked to', async () => {
    const server = await TestApiServer.start();
    const made = await server.must(`POST ${MAPS}`, map('a', { v: '1' }));
    await server.must(`PATCH ${MAPS}/a`, { data: { v: '2' } });
    await server.must(`DELETE ${MAPS}/a`);
    const at = `revision=${made.metadata.resourceVersion}`;
    const back = await server.must(`POST ${HISTORY}/undelete${MAPS}/a?${at}`);
    assert.equal(back.data.v, '1');
  });

  it('leaves status, node and selectors of the dead behind', async () => {
    const server = await TestApiServer.start();
    const jobs = '/apis/batch/v1/namespaces/default/jobs';
    const spec = { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' };
    const job = await server.must(`POST ${jobs}`, {
      metadata: { name: 'j' },
      spec: { template: { spec } },
    });
    const status = { ...job, status: { active: 1, startTime: '2026-01-01T00:00:00Z' } };
    await server.must(`PUT ${jobs}/j/status`, status);
    await server.must(`DELETE ${jobs}/j?propagationPolicy=Background`);
    const back = await server.must(`POST ${HISTORY}/undelete${jobs}/j`);
    assert.deepEqual(back.status, {});
    assert.equal(
      back.spec.selector.matchLabels['batch.kubernetes.io/controller-uid'],
      back.metadata.uid,
    );
  });

  it('goes through admission: a namespace that is gone takes nothing back', async () => {
    const server = await TestApiServer.start();
    await server.must('POST /api/v1/namespaces', { metadata: { name: 'n' } });
    const maps = '/api/v1/namespaces/n/configmaps';
    await server.must(`POST ${maps}`, map('a', {}));
    await server.must(`DELETE ${maps}/a`);
    await server.must('DELETE /api/v1/namespaces/n');
    assert.match(
      await server.refusal(`POST ${HISTORY}/undelete${maps}/a`),
      /^403 .*being terminated/,
    );
  });
});

describe('who may see the past', () => {
  it('is said by verbs of their own, about the object itself', async () => {
    const server = await TestApiServer.start();
    const made = await server.must(`POST ${MAPS}`, map('a', {}));
    const at = `revision=${made.metadata.resourceVersion}`;
    const as = { as: ANN };
    await allow(server, ['get', 'list', 'create', 'delete']);
    const requests: [string, string][] = [
      [`GET ${HISTORY}/objects${MAPS}/a?${at}`, 'history'],
      [`GET ${HISTORY}/objects${MAPS}?${at}`, 'history'],
      [`GET ${HISTORY}/revisions${MAPS}/a`, 'history'],
      [`GET ${HISTORY}/diffs${MAPS}/a?from=${made.metadata.resourceVersion}`, 'diff'],
      [`POST ${HISTORY}/undelete${MAPS}/a`, 'undelete'],
    ];
    for (const [request, verb] of requests) {
      const message = `User "ann" cannot ${verb} resource "configmaps" in API group "" in the namespace "default"`;
      const refusal = await server.refusal(request, undefined, as);
      assert.ok(refusal.startsWith('403 ') && refusal.includes(message), refusal);
    }
    await allow(server, ['history', 'diff', 'undelete']);
    await server.must(`DELETE ${MAPS}/a`, undefined, as);
    for (const [request] of requests) {
      const { status } = await server.call(request, undefined, as);
      assert.ok(status < 300, `${request}: ${status}`);
    }
  });

  it('undeletes nothing that it may not create', async () => {
    const server = await TestApiServer.start();
    await server.must(`POST ${MAPS}`, map('a', {}));
    await server.must(`DELETE ${MAPS}/a`);
    await allow(server, ['undelete']);
    assert.match(
      await server.refusal(`POST ${HISTORY}/undelete${MAPS}/a`, undefined, { as: ANN }),
      /^403 .*cannot create resource "configmaps"/,
    );
  });

  it('is found by no other spelling of the path', async () => {
    const server = await TestApiServer.start();
    await server.must(`POST ${MAPS}`, map('a', {}));
    const spellings = [
      `GET /${HISTORY}/revisions${MAPS}/a`,
      `GET ${HISTORY}//revisions${MAPS}/a`,
      `GET ${HISTORY}/revisions/${MAPS}/a`,
      `GET ${HISTORY}/nothing${MAPS}/a`,
      `GET /apis/history%2Ecoxswain.dev/v1/revisions${MAPS}/a`,
      `GET ${HISTORY}/revisions/apis/history%2Ecoxswain.dev/v1/revisions${MAPS}/a`,
      `GET ${HISTORY}/revisions${HISTORY}/revisions${MAPS}/a`,
      `GET ${HISTORY}/revisions${MAPS}/a/status`,
    ];
    for (const request of spellings)
      assert.equal((await server.call(request)).status, 404, request);
    assert.equal((await server.call(`POST ${HISTORY}/revisions${MAPS}/a`)).status, 405);
    assert.equal((await server.call(`GET ${HISTORY}/undelete${MAPS}/a`)).status, 405);
  });
});

describe('what is kept out of the history', () => {
  const SECRETS = '/api/v1/namespaces/default/secrets';
  const secret = (value: string) => ({
    metadata: {
      name: 's',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': value },
    },
    stringData: { password: value },
  });

  it('is told by name: Secrets, Leases, Events', async () => {
    const server = await TestApiServer.start();
    const made = await server.must(`POST ${SECRETS}`, secret('one'));
    assert.match(
      await server.refusal(`GET ${HISTORY}/revisions${SECRETS}/s`),
      /^404 the history of secrets is not kept; --history-secrets/,
    );
    const at = `revision=${made.metadata.resourceVersion}`;
    assert.match(await server.refusal(`GET ${HISTORY}/objects${SECRETS}?${at}`), /^404 /);
    assert.match(await server.refusal(`POST ${HISTORY}/undelete${SECRETS}/s`), /^404 /);
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    for (const path of [`${leases}/a`, '/api/v1/namespaces/default/events/a'])
      assert.match(await server.refusal(`GET ${HISTORY}/revisions${path}`), /is not kept$/);
  });

  it('leaves the store with the compaction', async () => {
    const server = await TestApiServer.start();
    const made = await server.must(`POST ${SECRETS}`, secret('one'));
    await server.must(`DELETE ${SECRETS}/s`);
    await server.must(`POST ${MAPS}`, map('a', {}));
    await server.environment.advance(11 * MINUTE);
    const key = '/registry/secrets/default/s';
    const { versions } = await server.store.history.versions(key, { limit: 10 });
    assert.deepEqual(versions, []);
    const revision = Number(made.metadata.resourceVersion);
    await assert.rejects(server.store.history.get(key, revision), { code: 'compacted' });
  });

  it('shows of Secrets, when they are asked for, which keys changed and no data', async () => {
    const server = await TestApiServer.start({ history: { keepSecrets: true } });
    const made = await server.must(`POST ${SECRETS}`, secret('one'));
    const from = made.metadata.resourceVersion;
    await server.must(`PATCH ${SECRETS}/s`, secret('two'));
    await server.must(`PATCH ${SECRETS}/s`, { metadata: { annotations: null }, data: null });
    const wanted = [
      `revisions${SECRETS}/s`,
      `revisions${SECRETS}/s?field=data`,
      `revisions${SECRETS}/s?field=data.password`,
      `revisions${SECRETS}/s?field=metadata`,
      `diffs${SECRETS}/s?from=${from}`,
      `diffs${SECRETS}/s?from=${Number(from) - 1}&to=${from}`,
    ];
    const values = ['one', 'two'].flatMap((text) => [text, Buffer.from(text).toString('base64')]);
    for (const path of wanted) {
      const text = JSON.stringify(await server.must(`GET ${HISTORY}/${path}`));
      for (const value of values) assert.ok(!text.includes(`"${value}"`), `${path}: ${text}`);
    }
    const { revisions } = await server.must(`GET ${HISTORY}/revisions${SECRETS}/s`);
    assert.deepEqual(revisions[1].changes, [
      {
        path: 'metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]',
        old: '(redacted)',
        new: '(redacted)',
      },
      { path: 'data.password', old: '(redacted)', new: '(redacted)' },
    ]);
  });

  it('is everything with a store that cannot, or without retention: 501', async () => {
    const server = await TestApiServer.start({ history: { retentionMs: 0 } });
    await server.must(`POST ${MAPS}`, map('a', {}));
    assert.match(
      await server.refusal(`GET ${HISTORY}/revisions${MAPS}/a`),
      /^501 no history is kept: --history-retention is 0/,
    );
    const store = new MemoryStore(server.environment);
    Object.defineProperty(store, 'history', { value: undefined });
    const other = await TestApiServer.start({ environment: server.environment, store });
    await other.must(`POST ${MAPS}`, map('a', {}));
    await other.environment.advance(11 * MINUTE);
    assert.match(
      await other.refusal(`GET ${HISTORY}/revisions${MAPS}/a`),
      /^501 no history is kept: the store of this cluster cannot/,
    );
  });
});

describe('discovery', () => {
  it('lists the group, and nothing of it as a thing to list or watch', async () => {
    const server = await TestApiServer.start();
    const { groups } = await server.must('GET /apis');
    assert.ok(groups.some(({ name }: { name: string }) => name === 'history.coxswain.dev'));
    const { resources } = await server.must(`GET ${HISTORY}`);
    assert.deepEqual(
      resources.map(({ name, verbs }: { name: string; verbs: string[] }) => [name, verbs]),
      [
        ['diffs', ['get']],
        ['objects', ['get']],
        ['revisions', ['get']],
        ['undelete', ['create']],
      ],
    );
  });
});
