/** Webhooks that say yes or no, through the whole API server. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import {
  CONFIGURATIONS,
  type Json,
  patch,
  rule,
  webhook,
  WebhookServer,
} from '#kit/webhook-server.ts';

const NAMESPACES = '/api/v1/namespaces';
const MAPS = `${NAMESPACES}/default/configmaps`;
const PODS = `${NAMESPACES}/default/pods`;
const POD = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };

let hooks: WebhookServer;
let api: TestApiServer;

beforeEach(async () => {
  hooks = await WebhookServer.start();
  ({ api } = hooks);
});

const deny = (message = 'no') => ({ allowed: false, status: { message } });
const seen = () => hooks.requests.map(({ operation, name = '' }) => `${operation} ${name}`);

describe('validating webhooks', () => {
  it('deny with their words, code and reason', async () => {
    const answers: readonly (readonly [
      status: object | undefined,
      said: string,
      reason: unknown,
    ])[] = [
      [
        undefined,
        '400 admission webhook "a.example.com" denied the request without explanation',
        undefined,
      ],
      [
        { message: 'why' },
        '400 admission webhook "a.example.com" denied the request: why',
        undefined,
      ],
      [
        { reason: 'Forbidden', code: 403 },
        '403 admission webhook "a.example.com" denied the request: Forbidden',
        'Forbidden',
      ],
      [
        { message: 'why', reason: 'Gone', code: 200 },
        '400 admission webhook "a.example.com" denied the request: why',
        'Gone',
      ],
      [
        { message: 'why', code: 507 },
        '507 admission webhook "a.example.com" denied the request: why',
        undefined,
      ],
    ];
    await hooks.hook('a', '/one');
    for (const [status, said, reason] of answers) {
      hooks.respond('/one', () => ({
        allowed: false,
        ...(status === undefined ? {} : { status }),
      }));
      const reply = await api.call(`POST ${MAPS}`, { metadata: { name: 'm' } });
      assert.equal(`${reply.status} ${reply.body.message}`, said);
      assert.equal(reply.body.reason, reason);
      assert.equal(reply.body.status, 'Failure');
    }
    const metrics = (await api.call('GET /metrics')).body as string;
    const rejections =
      'apiserver_admission_webhook_rejection_count{name="a.example.com",type="validating",operation="CREATE",error_type="no_error"';
    assert.ok(metrics.includes(`${rejections},rejection_code="400"} 3\n`));
    assert.ok(metrics.includes(`${rejections},rejection_code="507"} 1\n`));
    const plugin =
      'apiserver_admission_controller_admission_duration_seconds_count{name="ValidatingAdmissionWebhook",type="validate",operation="CREATE",rejected="true"} 5\n';
    assert.ok(metrics.includes(plugin));
    assert.match(
      metrics,
      /step_admission_duration_seconds_count\{type="validate",operation="CREATE",rejected="true"\} 5\n/,
    );
  });

  it('see what mutating ones have made, and the name that was made up', async () => {
    hooks.respond('/one', () => patch({ op: 'add', path: '/data', value: { hook: 'yes' } }));
    await hooks.hook('a', '/one', { mutating: true });
    await hooks.hook('b', '/two');
    await api.must(`POST ${MAPS}`, { metadata: { generateName: 'm-' } });
    const [first, second] = hooks.requests;
    assert.equal(first.name, undefined);
    assert.match(second.name, /^m-.{5}$/);
    assert.deepEqual(second.object.data, { hook: 'yes' });
  });

  it('are asked at the same time, and the first refusal counts', async () => {
    const late = Promise.withResolvers<object>();
    hooks.respond('/late', () => late.promise);
    hooks.respond('/quick', () => {
      api.environment.timers.after(10, () => late.resolve(deny('late')));
      return deny('quick');
    });
    await hooks.hook('a', '/late');
    await hooks.hook('b', '/quick');
    assert.match(await api.refusal(`POST ${MAPS}`, { metadata: { name: 'm' } }), /b.*quick$/);
    assert.deepEqual(hooks.paths, ['/late', '/quick']);
  });

  it('may not return patches', async () => {
    await hooks.hook('a', '/one');
    hooks.respond('/one', () => patch({ op: 'add', path: '/data', value: {} }));
    const said =
      /received invalid webhook response: validating webhook may not return response.patch/;
    assert.match(await api.refusal(`POST ${MAPS}`, { metadata: { name: 'm' } }), said);
    hooks.respond('/one', () => ({ allowed: true, patchType: 'JSONPatch' }));
    assert.match(
      await api.refusal(`POST ${MAPS}`, { metadata: { name: 'm' } }),
      /response.patchType$/,
    );
  });

  it('are asked of each object that a collection is deleted of, without its name', async () => {
    for (const name of ['a', 'b']) await api.must(`POST ${MAPS}`, { metadata: { name } });
    hooks.respond('/one', ({ oldObject }) =>
      oldObject.metadata.name === 'b' ? deny() : { allowed: true },
    );
    await hooks.hook('a', '/one', { rules: [rule('configmaps', { operations: ['DELETE'] })] });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'c' } });
    assert.match(await api.refusal(`DELETE ${MAPS}`), /^400 admission webhook/);
    assert.deepEqual(seen(), ['DELETE ', 'DELETE ', 'DELETE ']);
    assert.deepEqual(
      (await api.must(`GET ${MAPS}`)).items.map((one: Json) => one.metadata.name),
      ['b'],
    );
    assert.match(
      await api.refusal(`DELETE ${MAPS}/b`, { kind: 'DeleteOptions', gracePeriodSeconds: 3 }),
      /denied/,
    );
    const { options, object, name } = hooks.requests.at(-1);
    assert.deepEqual(options, {
      kind: 'DeleteOptions',
      apiVersion: 'meta.k8s.io/v1',
      gracePeriodSeconds: 3,
    });
    assert.deepEqual([object, name], [null, 'b']);
  });

  it('pass warnings on', async () => {
    hooks.respond('/one', () => ({ ...deny(), warnings: ['mind the gap'] }));
    await hooks.hook('a', '/one');
    const reply = await api.call(`POST ${MAPS}`, { metadata: { name: 'm' } });
    assert.match(reply.headers['warning'] ?? '', /mind the gap/);
  });

  it('are not asked of what configures them', async () => {
    await hooks.hook('a', '/one', {
      rules: [rule('*', { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] })],
    });
    hooks.respond('/one', () => deny());
    const rules = [rule('*', { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] })];
    await hooks.hook('b', '/two', { mutating: true, rules });
    const at = `${CONFIGURATIONS}/validatingwebhookconfigurations`;
    await api.must(`PATCH ${at}/a`, { metadata: { labels: { a: 'b' } } });
    await api.must(`DELETE ${at}/a`);
    assert.deepEqual(hooks.asked, []);
  });

  it('are those of the configuration as it is now', async () => {
    hooks.respond('/one', () => deny());
    const at = `${CONFIGURATIONS}/validatingwebhookconfigurations`;
    await hooks.hook('a', '/one', { rules: [rule('configmaps', { operations: ['UPDATE'] })] });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    const both = [rule('configmaps')];
    await api.must(`PATCH ${at}/a`, { webhooks: [webhook('a', '/one', { rules: both })] });
    assert.match(await api.refusal(`POST ${MAPS}`, { metadata: { name: 'n' } }), /denied/);
    await api.must(`DELETE ${at}`);
    await api.must(`POST ${MAPS}`, { metadata: { name: 'n' } });
  });
});

describe('dry run', () => {
  it('asks those that have no side effects then', async () => {
    await hooks.configure('a', [
      webhook('one', '/one'),
      webhook('two', '/two', { sideEffects: 'NoneOnDryRun' }),
    ]);
    await api.must(`POST ${MAPS}?dryRun=All`, { metadata: { name: 'm' } });
    assert.deepEqual(
      hooks.requests.map(({ dryRun, options }) => [dryRun, options.dryRun]),
      [
        [true, ['All']],
        [true, ['All']],
      ],
    );
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    assert.equal(hooks.requests.at(-1).dryRun, false);
  });
});

describe('whom a request concerns', () => {
  it('is said by labels of its namespace', async () => {
    hooks.respond('/one', () => deny());
    await api.must(`POST ${NAMESPACES}`, {
      metadata: { name: 'skipped', labels: { skip: 'yes' } },
    });
    const namespaceSelector = {
      matchExpressions: [{ key: 'skip', operator: 'NotIn', values: ['yes'] }],
    };
    await hooks.hook('a', '/one', {
      namespaceSelector,
      rules: [rule('configmaps'), rule('namespaces'), rule('nodes')],
    });
    await api.must(`POST ${NAMESPACES}/skipped/configmaps`, { metadata: { name: 'm' } });
    const refused = async (request: string, body?: object) =>
      assert.match(await api.refusal(request, body), /denied the request/);
    await refused(`POST ${MAPS}`, { metadata: { name: 'm' } });
    // Objects of the cluster always count; Namespaces by their own labels.
    await refused('POST /api/v1/nodes', { metadata: { name: 'n' } });
    await refused(`POST ${NAMESPACES}`, { metadata: { name: 'other' } });
    await api.must(`POST ${NAMESPACES}`, { metadata: { name: 'third', labels: { skip: 'yes' } } });
    await refused(`PATCH ${NAMESPACES}/third`, { metadata: { labels: { skip: 'no' } } });
    await api.must(`DELETE ${NAMESPACES}/third`);
    const [request] = hooks.requests.filter(({ object }) => object?.kind === 'Namespace');
    assert.deepEqual([request.namespace, request.name], ['other', 'other']);
  });

  it('is said by labels of the object, before or after', async () => {
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm', labels: { watched: 'yes' } } });
    await hooks.hook('a', '/one', { objectSelector: { matchLabels: { watched: 'yes' } } });
    await api.must(`PATCH ${MAPS}/m`, { metadata: { labels: { watched: null } } });
    await api.must(`PATCH ${MAPS}/m`, { data: { a: 'b' } });
    await api.must(`PATCH ${MAPS}/m`, { metadata: { labels: { watched: 'yes' } } });
    assert.deepEqual(seen(), ['UPDATE m', 'UPDATE m']);
  });

  it('is said by conditions', async () => {
    hooks.respond('/one', () => deny());
    await hooks.hook('a', '/one', {
      matchConditions: [
        { name: 'not-mine', expression: "request.userInfo.username != 'me'" },
        { name: 'name', expression: "object.metadata.name.startsWith('watched-')" },
        { name: 'new', expression: 'oldObject == null' },
        {
          name: 'allowed',
          expression:
            "!authorizer.group('').resource('secrets').namespace('default').check('list').allowed()",
        },
      ],
    });
    const as = { as: { name: 'other', groups: ['system:authenticated'] } };
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'edits' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edits' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'other' }],
    });
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'edits' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }],
    });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'plain' } }, as);
    const watched = { metadata: { name: 'watched-a' } };
    await api.must(`POST ${MAPS}`, watched, { as: { name: 'me', groups: ['system:masters'] } });
    // The admin may list Secrets, the other user may not.
    await api.must(`POST ${MAPS}`, { metadata: { name: 'watched-b' } });
    assert.deepEqual(hooks.asked, []);
    const refused = await api.refusal(`POST ${MAPS}`, { metadata: { name: 'watched-c' } }, as);
    assert.match(refused, /denied the request/);
    const metrics = (await api.call('GET /metrics')).body as string;
    assert.match(
      metrics,
      /match_condition_exclusions_total\{name="a.example.com",kind="webhook",type="validate",operation="CREATE"\} 3\n/,
    );
  });

  it('is not said by conditions that fail: the policy for failures decides', async () => {
    const matchConditions = [{ name: 'x', expression: 'object.data.none == "a"' }];
    await hooks.hook('a', '/one', { matchConditions, failurePolicy: 'Ignore' });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    assert.deepEqual(hooks.asked, []);
    await hooks.hook('b', '/one', { matchConditions, failurePolicy: 'Fail' });
    assert.equal(
      await api.refusal(`POST ${MAPS}`, { metadata: { name: 'n' } }),
      `403 configmaps "n" is forbidden: expression 'object.data.none == "a"' resulted in error: no such key: data`,
    );
    const metrics = (await api.call('GET /metrics')).body as string;
    assert.match(
      metrics,
      /match_condition_evaluation_errors_total\{name="b.example.com",kind="webhook",type="validating",operation="CREATE"\} 1\n/,
    );
  });

  it('is said of each version of a resource', async () => {
    const events = {
      group: 'events.k8s.io',
      at: '/apis/events.k8s.io/v1/namespaces/default/events',
    };
    await hooks.hook('a', '/one', { rules: [rule('events')] });
    await hooks.hook('exact', '/exact', { rules: [rule('events')], matchPolicy: 'Exact' });
    await api.must(`POST ${events.at}`, {
      metadata: { name: 'e' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'x.example.com/y',
      reportingInstance: 'z',
      action: 'Did',
      reason: 'Because',
      type: 'Normal',
      note: 'a note',
      regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
    });
    const [request] = hooks.requests;
    assert.deepEqual(hooks.paths, ['/one']);
    assert.deepEqual(
      [request.resource.group, request.kind.group, request.requestResource.group],
      ['', '', events.group],
    );
    assert.deepEqual(
      [request.object.apiVersion, request.object.message, request.object.note],
      ['v1', 'a note', undefined],
    );
  });
});

describe('subresources', () => {
  const asked = (resource: string, group = '') => rule(resource, { apiGroups: [group] });

  beforeEach(async () => {
    await api.must(`POST ${NAMESPACES}/default/serviceaccounts`, { metadata: { name: 'default' } });
    await api.must(`POST ${PODS}`, POD);
  });

  it('that connect are shown with their options', async () => {
    hooks.respond('/one', () => deny('attaching is not allowed'));
    await hooks.hook('a', '/one', {
      rules: [rule('pods/*', { operations: ['CONNECT'] })],
    });
    assert.equal(
      await api.refusal(`POST ${PODS}/p/attach?container=c&stdin=true&tty=1`),
      '400 admission webhook "a.example.com" denied the request: attaching is not allowed',
    );
    assert.match(
      await api.refusal(`POST ${PODS}/p/exec?command=a&command=b&stdout=true`),
      /denied/,
    );
    assert.match(await api.refusal(`POST ${PODS}/p/portforward?ports=80,81`), /denied/);
    assert.match(await api.refusal(`GET ${PODS}/p/proxy/a/b/?x=y`), /denied/);
    assert.deepEqual(
      hooks.requests.map(({ kind, subResource, object, operation, options }) => [
        kind.kind,
        subResource,
        operation,
        options,
        object,
      ]),
      [
        ['PodAttachOptions', { stdin: true, tty: true, container: 'c' }],
        ['PodExecOptions', { stdout: true, command: ['a', 'b'] }],
        ['PodPortForwardOptions', { ports: [80, 81] }],
        ['PodProxyOptions', { path: '/a/b/' }],
      ].map(([kind, object], index) => [
        kind,
        ['attach', 'exec', 'portforward', 'proxy'][index],
        'CONNECT',
        null,
        { kind, apiVersion: 'v1', ...(object as object) },
      ]),
    );
  });

  it('that connect do as webhooks have changed their options', async () => {
    hooks.respond('/one', () => patch({ op: 'add', path: '/container', value: 'other' }));
    await hooks.hook('a', '/one', { mutating: true, rules: [rule('pods/exec')] });
    await api.must('POST /api/v1/nodes', { metadata: { name: 'n' } });
    await api.must(`POST ${PODS}/p/binding`, {
      metadata: { name: 'p' },
      target: { kind: 'Node', name: 'n' },
    });
    assert.equal(
      await api.refusal(`POST ${PODS}/p/exec?command=a`),
      '400 container other is not valid for pod p',
    );
  });

  it('that act do as webhooks have changed what was sent', async () => {
    hooks.respond('/token', () =>
      patch({ op: 'add', path: '/spec/expirationSeconds', value: 1200 }),
    );
    hooks.respond('/eviction', () =>
      patch({ op: 'add', path: '/deleteOptions', value: { preconditions: { uid: 'other' } } }),
    );
    hooks.respond('/proxy', () => patch({ op: 'replace', path: '/path', value: '/other' }));
    await hooks.configure(
      'a',
      [
        webhook('token', '/token', { rules: [asked('serviceaccounts/token')] }),
        webhook('eviction', '/eviction', { rules: [asked('pods/eviction')] }),
        webhook('proxy', '/proxy', { rules: [asked('nodes/proxy')] }),
      ],
      true,
    );
    const accounts = `${NAMESPACES}/default/serviceaccounts`;
    const token = await api.must(`POST ${accounts}/default/token`, {});
    assert.deepEqual(
      [token.spec.expirationSeconds, token.metadata.name, token.metadata.namespace],
      [1200, 'default', 'default'],
    );
    assert.match(
      await api.refusal(`POST ${PODS}/p/eviction`, { metadata: { name: 'p' } }),
      /^409 .*UID in the precondition \(other\)/,
    );
    const proxied: string[] = [];
    const kubelets = {
      to:
        () =>
        async ({ url }: { url: string }) => {
          proxied.push(url);
          return { status: 200, headers: {} };
        },
    };
    hooks = await WebhookServer.start({ kubelets });
    ({ api } = hooks);
    hooks.respond('/proxy', () => patch({ op: 'replace', path: '/path', value: '/other' }));
    await hooks.hook('a', '/proxy', { mutating: true, rules: [asked('nodes/proxy')] });
    await api.must('POST /api/v1/nodes', { metadata: { name: 'n' } });
    await api.must('PATCH /api/v1/nodes/n/status', {
      status: {
        addresses: [{ type: 'InternalIP', address: '10.0.0.9' }],
        daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      },
    });
    await api.call('GET /api/v1/nodes/n/proxy/asked');
    assert.deepEqual(proxied, ['/other']);
  });

  it('that act are shown with the object that was sent', async () => {
    hooks.respond('/one', () => deny());
    await hooks.hook('a', '/one', {
      rules: [asked('pods/eviction'), asked('pods/binding'), asked('serviceaccounts/token')],
    });
    const metadata = { name: 'p' };
    assert.match(await api.refusal(`POST ${PODS}/p/eviction`, { metadata }), /denied/);
    const target = { kind: 'Node', name: 'n' };
    assert.match(await api.refusal(`POST ${PODS}/p/binding`, { metadata, target }), /denied/);
    const token = `${NAMESPACES}/default/serviceaccounts/default/token`;
    assert.match(await api.refusal(`POST ${token}`, {}), /denied/);
    assert.deepEqual(
      hooks.requests.map(({ kind, resource, object }) => [
        `${kind.group}/${kind.version} ${kind.kind}`,
        resource.resource,
        object.kind,
      ]),
      [
        ['policy/v1 Eviction', 'pods', 'Eviction'],
        ['/v1 Binding', 'pods', 'Binding'],
        ['authentication.k8s.io/v1 TokenRequest', 'serviceaccounts', 'TokenRequest'],
      ],
    );
  });

  it('that scale are shown as scales', async () => {
    const at = '/apis/apps/v1/namespaces/default/replicasets';
    const template = { metadata: { labels: { a: 'b' } }, spec: POD.spec };
    await api.must(`POST ${at}`, {
      metadata: { name: 'r' },
      spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template },
    });
    hooks.respond('/limit', ({ object }) =>
      object.spec.replicas > 5
        ? patch({ op: 'replace', path: '/spec/replicas', value: 5 })
        : { allowed: true },
    );
    await hooks.hook('a', '/limit', { mutating: true, rules: [asked('*/scale', 'apps')] });
    await hooks.hook('b', '/check', { rules: [asked('replicasets/scale', 'apps')] });
    const scale = await api.must(`PATCH ${at}/r/scale`, { spec: { replicas: 9 } });
    assert.equal(scale.spec.replicas, 5);
    assert.equal((await api.must(`GET ${at}/r`)).spec.replicas, 5);
    const [first, last] = hooks.requests;
    assert.deepEqual(
      [first.kind.kind, first.resource.resource, first.object.spec.replicas, first.oldObject.spec],
      ['Scale', 'replicasets', 9, { replicas: 1 }],
    );
    assert.deepEqual(
      [last.object.kind, last.object.spec.replicas, last.oldObject.spec.replicas],
      ['Scale', 5, 1],
    );
  });

  it('that are views are shown as the object', async () => {
    await hooks.hook('a', '/one', { rules: [asked('pods/status')] });
    await api.must(`PATCH ${PODS}/p`, { metadata: { labels: { a: 'b' } } });
    await api.must(`PATCH ${PODS}/p/status`, { status: { message: 'hello' } });
    const [request, ...more] = hooks.requests;
    assert.deepEqual(
      [request.subResource, request.requestSubResource, request.object.status.message],
      ['status', 'status', 'hello'],
    );
    assert.deepEqual(more, []);
  });
});
