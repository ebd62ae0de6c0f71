import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const NS = '/api/v1/namespaces/shop';
let api: TestApiServer;

const pod = (name: string, spec: object = {}): object => ({
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'a', image: 'x' }], ...spec },
});

before(async () => {
  api = await TestApiServer.start();
  await api.must('POST /api/v1/namespaces', { metadata: { name: 'shop' } });
  await api.must(`POST ${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  await api.must('POST /api/v1/nodes', {
    metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } },
  });
});

describe('pods/binding', () => {
  const binding = (name: string, node: string, metadata: object = {}): object => ({
    metadata: { name, ...metadata },
    target: { kind: 'Node', name: node },
  });

  it('gives the pod its node, its condition, and what the binding carries', async () => {
    const created = await api.must(`POST ${NS}/pods`, pod('bound'));
    const answer = await api.call(
      `POST ${NS}/pods/bound/binding`,
      binding('bound', 'n1', { annotations: { k: 'v' } }),
    );
    assert.deepEqual([answer.status, answer.body.status, answer.body.code], [201, 'Success', 201]);
    const { spec, status, metadata } = await api.must(`GET ${NS}/pods/bound`);
    assert.equal(spec.nodeName, 'n1');
    assert.equal(metadata.annotations.k, 'v');
    assert.equal(metadata.labels['topology.kubernetes.io/zone'], 'z1');
    assert.equal(metadata.generation, created.metadata.generation);
    assert.deepEqual(
      status.conditions
        .filter((condition: { type: string }) => condition.type === 'PodScheduled')
        .map(({ status: is }: { status: string }) => is),
      ['True'],
    );
  });

  it('refuses a pod that has a node', async () => {
    assert.equal(
      await api.refusal(`POST ${NS}/pods/bound/binding`, binding('bound', 'n2')),
      '409 Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"',
    );
  });

  it('refuses a pod that may not be scheduled yet', async () => {
    await api.must(`POST ${NS}/pods`, pod('gated', { schedulingGates: [{ name: 'g' }] }));
    assert.match(
      await api.refusal(`POST ${NS}/pods/gated/binding`, binding('gated', 'n1')),
      /pod gated has non-empty .spec.schedulingGates$/,
    );
  });

  it('refuses a pod that is another one by now', async () => {
    await api.must(`POST ${NS}/pods`, pod('other'));
    assert.match(
      await api.refusal(`POST ${NS}/pods/other/binding`, binding('other', 'n1', { uid: 'old' })),
      /^409 .*UID in precondition: old/,
    );
  });

  it('works as a resource of its own, and by dry run', async () => {
    await api.must(`POST ${NS}/bindings?dryRun=All`, binding('other', 'n1'));
    assert.equal((await api.must(`GET ${NS}/pods/other`)).spec.nodeName, undefined);
    await api.must(`POST ${NS}/bindings`, binding('other', 'n1'));
    assert.equal((await api.must(`GET ${NS}/pods/other`)).spec.nodeName, 'n1');
  });

  it('binds each pod once, however many ask', async () => {
    await api.must(`POST ${NS}/pods`, pod('wanted'));
    const asked = ['n1', 'n2', 'n3', 'n4'].map((node) =>
      api.call(`POST ${NS}/pods/wanted/binding`, binding('wanted', node)),
    );
    const codes = (await Promise.all(asked)).map(({ status }) => status).toSorted((a, b) => a - b);
    assert.deepEqual(codes, [201, 409, 409, 409]);
  });
});

describe('serviceaccounts/token', () => {
  const TOKEN = `POST ${NS}/serviceaccounts/default/token`;

  it('makes a token that the server knows', async () => {
    const { status, spec, kind } = await api.must(TOKEN, {});
    assert.deepEqual(
      [kind, spec.expirationSeconds, spec.audiences],
      ['TokenRequest', 3600, ['https://kubernetes.default.svc']],
    );
    assert.equal(Date.parse(status.expirationTimestamp) - api.environment.clock.now(), 3_600_000);
    const me = await api.must(
      'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
      {},
      { token: status.token },
    );
    assert.equal(me.status.userInfo.username, 'system:serviceaccount:shop:default');
    assert.deepEqual(me.status.userInfo.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:shop',
      'system:authenticated',
    ]);
  });

  it('binds a token to a pod: it ends with it', async () => {
    const { metadata } = await api.must(`POST ${NS}/pods`, pod('short'));
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'short', uid: metadata.uid };
    const { status } = await api.must(TOKEN, { spec: { audiences: [], boundObjectRef } });
    const ask = async (): Promise<number> =>
      (
        await api.call(
          'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
          {},
          { token: status.token },
        )
      ).status;
    assert.equal(await ask(), 201);
    await api.must(`DELETE ${NS}/pods/short`);
    assert.equal(await ask(), 401);
  });

  it('refuses what cannot be', async () => {
    const spec = (more: object): object => ({ spec: { audiences: [], ...more } });
    const reference = (more: object): object =>
      spec({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'bound', ...more } });
    assert.match(
      await api.refusal(TOKEN, spec({ expirationSeconds: 599 })),
      /^422 .*Invalid value: 599: may not specify a duration less than 10 minutes$/,
    );
    assert.match(
      await api.refusal(TOKEN, reference({ name: 'none' })),
      /^404 pods "none" not found$/,
    );
    assert.match(
      await api.refusal(TOKEN, reference({ uid: 'old' })),
      /^409 .*the UID in the bound object reference \(old\) does not match/,
    );
    assert.match(
      await api.refusal(TOKEN, reference({ kind: 'Service' })),
      /^400 cannot bind token to object of type \/v1, Kind=Service$/,
    );
    assert.match(
      await api.refusal(`POST ${NS}/serviceaccounts/none/token`, {}),
      /^404 serviceaccounts "none" not found$/,
    );
    await api.must(`POST ${NS}/serviceaccounts`, { metadata: { name: 'second' } });
    assert.match(
      await api.refusal(`POST ${NS}/serviceaccounts/second/token`, reference({})),
      /^400 cannot bind token for serviceaccount "second" to pod running with different serviceaccount name\.$/,
    );
  });
});

describe('a kubelet', () => {
  const as = { name: 'system:node:n2', groups: ['system:nodes', 'system:authenticated'] };
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

  it('registers, keeps its lease, and serves a pod', async () => {
    const { spec } = await api.must(
      'POST /api/v1/nodes',
      { metadata: { name: 'n2', labels: { 'kubernetes.io/hostname': 'n2' } } },
      { as },
    );
    assert.deepEqual(spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
    await api.must(
      `POST ${LEASES}`,
      { metadata: { name: 'n2' }, spec: { holderIdentity: 'n2' } },
      { as },
    );
    const { metadata } = await api.must(`POST ${NS}/pods`, pod('served', { nodeName: 'n2' }));
    await api.must('GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn2', undefined, { as });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'served', uid: metadata.uid };
    await api.must(
      `POST ${NS}/serviceaccounts/default/token`,
      { spec: { audiences: [], expirationSeconds: 3607, boundObjectRef } },
      { as },
    );
    await api.must(`PATCH ${NS}/pods/served/status`, { status: { phase: 'Running' } }, { as });
  });

  it('is kept from what is not its own', async () => {
    assert.match(
      await api.refusal(`GET ${NS}/secrets/x`, undefined, { as }),
      /^403 .*no relationship found between node 'n2' and this object$/,
    );
    assert.match(
      await api.refusal('PATCH /api/v1/nodes/n1/status', { status: {} }, { as }),
      /^403 .*node "n2" is not allowed to modify node "n1"$/,
    );
    assert.match(
      await api.refusal(`PATCH ${NS}/pods/bound/status`, { status: {} }, { as }),
      /can only update pod status for pods with spec.nodeName set to itself$/,
    );
    assert.match(
      await api.refusal(`POST ${NS}/pods`, pod('mine'), { as }),
      /can only create mirror pods$/,
    );
    assert.match(
      await api.refusal(`POST ${LEASES}`, { metadata: { name: 'n1' } }, { as }),
      /same name as the requesting node$/,
    );
  });
});

describe('pods/eviction', () => {
  const evict = (name: string, deleteOptions?: object): Promise<string> =>
    api.refusal(`POST ${NS}/pods/${name}/eviction`, {
      metadata: { name },
      ...(deleteOptions === undefined ? {} : { deleteOptions }),
    });
  const running = async (name: string, ready = 'True'): Promise<void> => {
    await api.must(`POST ${NS}/pods`, pod(name, { nodeName: 'n1' }));
    const conditions = [{ type: 'Ready', status: ready }];
    await api.must(`PATCH ${NS}/pods/${name}/status`, { status: { phase: 'Running', conditions } });
  };
  const budget = async (name: string, allowed: number, more: object = {}): Promise<void> => {
    const path = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';
    const spec = { minAvailable: 1, selector: { matchLabels: { app: name } }, ...more };
    await api.must(`POST ${path}`, { metadata: { name }, spec });
    const status = {
      observedGeneration: 1,
      disruptionsAllowed: allowed,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
    };
    await api.must(`PATCH ${path}/${name}/status`, { status });
  };

  it('deletes a pod that no budget protects, and marks it', async () => {
    await running('free');
    assert.equal(await evict('free'), '201 ');
    const { metadata, status } = await api.must(`GET ${NS}/pods/free`);
    assert.ok(metadata.deletionTimestamp);
    const target = status.conditions.find(
      ({ type }: { type: string }) => type === 'DisruptionTarget',
    );
    assert.deepEqual(
      [target.status, target.reason, target.message],
      ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting'],
    );
  });

  it('refuses when the budget allows none, and tells why', async () => {
    await running('kept');
    await budget('kept', 0);
    const { status, body } = await api.call(`POST ${NS}/pods/kept/eviction`, {
      metadata: { name: 'kept' },
    });
    assert.deepEqual(
      [status, body.message],
      [429, "Cannot evict pod as it would violate the pod's disruption budget."],
    );
    assert.deepEqual(body.details.causes, [
      {
        reason: 'DisruptionBudget',
        message: 'The disruption budget kept needs 1 healthy pods and has 1 currently',
      },
    ]);
    assert.equal((await api.must(`GET ${NS}/pods/kept`)).metadata.deletionTimestamp, undefined);
  });

  it('takes one disruption from the budget', async () => {
    await running('counted');
    await budget('counted', 1);
    assert.equal(await evict('counted', { dryRun: ['All'] }), '201 ');
    assert.equal(await evict('counted'), '201 ');
    const { status } = await api.must(
      'GET /apis/policy/v1/namespaces/shop/poddisruptionbudgets/counted',
    );
    assert.equal(status.disruptionsAllowed, 0);
    assert.deepEqual(Object.keys(status.disruptedPods), ['counted']);
    assert.equal(status.conditions[0].reason, 'InsufficientPods');
  });

  it('waits for a budget whose controller is behind', async () => {
    await running('behind');
    await budget('behind', 1);
    await api.must('PATCH /apis/policy/v1/namespaces/shop/poddisruptionbudgets/behind', {
      spec: { minAvailable: 0 },
    });
    const { status, headers } = await api.call(`POST ${NS}/pods/behind/eviction`, {
      metadata: { name: 'behind' },
    });
    assert.deepEqual([status, headers['retry-after']], [429, '10']);
  });

  it('lets pods go that serve nobody, as the budget says', async () => {
    await running('broken', 'False');
    await budget('broken', 0, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    assert.equal(await evict('broken'), '201 ');
  });
});

describe('scale', () => {
  const SCALE = '/apis/apps/v1/namespaces/shop/deployments/web/scale';
  before(async () => {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'a', image: 'x' }] },
    };
    await api.must('POST /apis/apps/v1/namespaces/shop/deployments', {
      metadata: { name: 'web' },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template },
    });
  });
  const replicas = async (): Promise<number> =>
    (await api.must('GET /apis/apps/v1/namespaces/shop/deployments/web')).spec.replicas;

  it('shows replicas and selector', async () => {
    const { kind, apiVersion, spec, status } = await api.must(`GET ${SCALE}`);
    assert.deepEqual(
      [kind, apiVersion, spec, status],
      ['Scale', 'autoscaling/v1', { replicas: 2 }, { replicas: 0, selector: 'app=web' }],
    );
  });
  it('is written by PUT and by PATCH', async () => {
    await api.must(`PUT ${SCALE}`, { metadata: { name: 'web' }, spec: { replicas: 5 } });
    assert.equal(await replicas(), 5);
    await api.must(`PATCH ${SCALE}`, { spec: { replicas: 3 } });
    assert.equal(await replicas(), 3);
    const patch = [{ op: 'replace', path: '/spec/replicas', value: 4 }];
    await api.must(`PATCH ${SCALE}`, patch, {
      headers: { 'content-type': 'application/json-patch+json' },
    });
    assert.equal(await replicas(), 4);
    await api.must(`PUT ${SCALE}?dryRun=All`, { metadata: { name: 'web' }, spec: { replicas: 9 } });
    assert.equal(await replicas(), 4);
  });
  it('refuses negative counts and old versions', async () => {
    assert.match(
      await api.refusal(`PATCH ${SCALE}`, { spec: { replicas: -1 } }),
      /^422 Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0$/,
    );
    assert.match(
      await api.refusal(`PUT ${SCALE}`, {
        metadata: { name: 'web', resourceVersion: '1' },
        spec: { replicas: 1 },
      }),
      /^409 .*the object has been modified/,
    );
    assert.match(
      await api.refusal(`PUT ${SCALE}`, { metadata: { name: 'x' }, spec: {} }),
      /^400 the name of the object \(x\) does not match/,
    );
    assert.match(
      await api.refusal('GET /apis/apps/v1/namespaces/shop/deployments/none/scale'),
      /^404 deployments.apps "none" not found$/,
    );
  });
});

describe('reviews', () => {
  const joe = { name: 'joe', groups: ['devs'] };

  it('tell whether a token is good', async () => {
    const { status } = await api.must(`POST ${NS}/serviceaccounts/default/token`, {});
    const review = (spec: object) =>
      api.must('POST /apis/authentication.k8s.io/v1/tokenreviews', { spec });
    const good = await review({ token: status.token });
    assert.deepEqual(
      [good.status.authenticated, good.status.user.username],
      [true, 'system:serviceaccount:shop:default'],
    );
    assert.deepEqual(good.status.audiences, ['https://kubernetes.default.svc']);
    assert.equal(
      (await review({ token: status.token, audiences: ['vault'] })).status.authenticated,
      undefined,
    );
    assert.equal((await review({ token: 'x' })).status.error, 'invalid bearer token');
  });

  it('tell what a user may do', async () => {
    const resourceAttributes = {
      verb: 'create',
      resource: 'pods',
      subresource: 'binding',
      namespace: 'shop',
    };
    const ask = (user: string) =>
      api.must('POST /apis/authorization.k8s.io/v1/subjectaccessreviews', {
        spec: { user, resourceAttributes },
      });
    assert.deepEqual((await ask('system:kube-scheduler')).status, {
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"',
    });
    assert.deepEqual((await ask('joe')).status, { allowed: false });
  });

  it('tell users what they themselves may do', async () => {
    const one = await api.must(
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      { spec: { nonResourceAttributes: { verb: 'get', path: '/healthz' } } },
      { as: joe },
    );
    assert.equal(one.status.allowed, true);
    const all = await api.must(
      'POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      { spec: { namespace: 'shop' } },
      { as: joe },
    );
    assert.deepEqual(all.status.resourceRules[0], {
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    });
    assert.equal(all.status.incomplete, false);
  });

  it('say which selectors could not be read', async () => {
    const ask = async (attributes: object): Promise<string | undefined> =>
      (
        await api.must('POST /apis/authorization.k8s.io/v1/subjectaccessreviews', {
          spec: {
            user: 'joe',
            resourceAttributes: { verb: 'list', resource: 'pods', ...attributes },
          },
        })
      ).status.evaluationError;
    const good = { key: 'a', operator: 'In', values: ['b'] };
    const bad = { key: 'a', operator: 'Like', values: ['b'] };
    assert.equal(await ask({ fieldSelector: { requirements: [good] } }), undefined);
    assert.equal(
      await ask({
        fieldSelector: { requirements: [bad] },
        labelSelector: { requirements: [good, bad] },
      }),
      'spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector partially ignored due to parse error',
    );
    assert.equal(
      await ask({ labelSelector: { rawSelector: 'a in (' } }),
      'spec.resourceAttributes.labelSelector ignored due to parse error',
    );
  });

  it('about oneself answer without what was asked', async () => {
    const asked = { metadata: { name: 'mine', labels: { a: 'b' } }, spec: { namespace: 'shop' } };
    const rules = await api.must(
      'POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      asked,
      { as: joe },
    );
    assert.deepEqual([rules.metadata, rules.spec], [{}, {}]);
    const path = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews';
    const { metadata } = await api.must(path, { metadata: asked.metadata }, { as: joe });
    assert.deepEqual(Object.keys(metadata), ['creationTimestamp']);
  });

  it('of tokens take one that is no more than blanks for nobody at all', async () => {
    const path = 'POST /apis/authentication.k8s.io/v1/tokenreviews';
    const { status } = await api.must(path, { spec: { token: ' ', audiences: ['a'] } });
    assert.deepEqual(status, {
      authenticated: true,
      user: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
      audiences: ['a'],
    });
    const own = { metadata: { uid: 'x' }, spec: { token: 'wrong' }, status: { audiences: ['b'] } };
    const wrong = await api.must(path, own);
    assert.deepEqual(
      [wrong.metadata.uid, wrong.status],
      [undefined, { audiences: ['b'], user: {}, error: 'invalid bearer token' }],
    );
  });

  it('of one namespace are about that namespace', async () => {
    const review = (namespace: string): object => ({
      spec: { user: 'joe', resourceAttributes: { verb: 'get', resource: 'pods', namespace } },
    });
    const path = 'POST /apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews';
    assert.equal((await api.must(path, review('shop'))).status.allowed, false);
    assert.match(await api.refusal(path, review('other')), /spec.resourceAttributes.namespace/);
  });
});

describe('componentstatuses', () => {
  it('show the store', async () => {
    const { kind, items } = await api.must('GET /api/v1/componentstatuses');
    assert.deepEqual(
      [kind, items.map(({ metadata }: { metadata: object }) => metadata)],
      ['ComponentStatusList', [{ name: 'etcd-0' }]],
    );
    assert.deepEqual((await api.must('GET /api/v1/componentstatuses/etcd-0')).conditions, [
      { type: 'Healthy', status: 'True', message: 'ok' },
    ]);
    assert.match(
      await api.refusal('GET /api/v1/componentstatuses/x'),
      /^404 componentstatus "x" not found$/,
    );
    const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
    const table = await api.must('GET /api/v1/componentstatuses', undefined, {
      headers: { accept },
    });
    assert.deepEqual(table.rows[0].cells, ['etcd-0', 'Healthy', 'ok', '']);
  });
});

describe('answers of kinds that are nowhere stored', () => {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { nonResourceAttributes: { path: '/', verb: 'get' } },
  };
  const path = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const as = (view: string) => ({
    headers: { accept: `application/json;as=${view};v=v1;g=meta.k8s.io` },
  });

  it('have no Table', async () => {
    const answer = await api.call(path, review, as('Table'));
    assert.deepEqual([answer.status, answer.body.reason], [406, 'NotAcceptable']);
  });

  it('have metadata', async () => {
    const answer = await api.call(path, review, as('PartialObjectMetadata'));
    assert.deepEqual([answer.status, answer.body.kind], [201, 'PartialObjectMetadata']);
  });
});

describe('pods/ephemeralcontainers', () => {
  it('counts as a change of the pod', async () => {
    const { metadata } = await api.must(`POST ${NS}/pods`, pod('debugged'));
    assert.equal(metadata.generation, 1);
    const patch = { spec: { ephemeralContainers: [{ name: 'debug', image: 'tools' }] } };
    const patched = await api.must(`PATCH ${NS}/pods/debugged/ephemeralcontainers`, patch, {
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    });
    assert.equal(patched.metadata.generation, 2);
    assert.equal((await api.must(`GET ${NS}/pods/debugged`)).metadata.generation, 2);
  });
});
