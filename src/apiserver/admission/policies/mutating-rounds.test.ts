/** What comes of mutating policies together: failures among them, and who is asked again. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { MutatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.ts';
import { AdmissionBench } from '#kit/admission.ts';
import type { TestApiServer } from '#kit/api-server.ts';
import { apply, deployment, patch as jsonPatch, PolicyServer, rule } from '#kit/policy-server.ts';
import { CONFIGURATIONS, patch, WebhookServer } from '#kit/webhook-server.ts';
import { RequestDecisions } from '../matching/authorizer.ts';
import { viewOf } from '../matching/request.ts';
import { Mutator } from './mutator.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

let policies: PolicyServer;
let hooks: WebhookServer;
let api: TestApiServer;

beforeEach(async () => {
  hooks = await WebhookServer.start();
  ({ api } = hooks);
  policies = new PolicyServer(api);
});

const map = (data: object = {}, name = 'm'): object => ({ metadata: { name }, data });

/** Appends to `data.order`. */
const append = (letter: string): object =>
  apply(`Object{data: {"order": object.data.order + ${letter}}}`);

const BROKEN = apply('Object{data: {"order": object.none}}');
const order = async (request: string, body: object): Promise<unknown> =>
  (await api.must(request, body)).data.order;
const mapOf = (text: string, name = 'm'): object => map({ order: text }, name);

/** How often each policy has mutated, by the metrics. */
async function asked(): Promise<string[]> {
  const { body } = await api.call('GET /metrics');
  const line =
    /^apiserver_mutating_admission_policy_check_total\{policy="(\w+)",.*error_type="(\w+)"\} (\d+)$/gm;
  return [...String(body).matchAll(line)].map((found) => found.slice(1).join(' ')).toSorted();
}

describe('a mutation that fails', () => {
  it('where that is ignored, keeps nobody else', async () => {
    await policies.mutating(
      'a',
      { failurePolicy: 'Ignore', mutations: [append('"1"'), BROKEN, append('"2"')] },
      { a: {} },
    );
    await policies.mutating('b', { mutations: [append('"3"')] }, { b: {} });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-123');
  });

  it('leaves nothing of its patch behind', async () => {
    const half = `[JSONPatch{op: "add", path: "/data/half", value: "yes"},
      JSONPatch{op: "remove", path: "/data/none"}]`;
    await policies.mutating('p', {
      failurePolicy: 'Ignore',
      mutations: [jsonPatch(half), append('"1"')],
    });
    assert.deepEqual((await api.must(`POST ${MAPS}`, mapOf('-'))).data, { order: '-1' });
  });

  it('refuses by the first that failed, and tells of all', async () => {
    await policies.mutating('a', { mutations: [BROKEN, append('object.other')] }, { a: {} });
    await policies.mutating('b', { mutations: [append('object.absent')] }, { b: {} });
    const { status, body } = await api.call(`POST ${MAPS}`, mapOf('-'));
    assert.equal(status, 403);
    assert.match(body.message, /^policy 'a' with binding 'a' denied request: .*none$/);
    assert.deepEqual(
      body.details.causes.map(({ message }: { message: string }) =>
        message.replace(/^policy '(\w)'.*: no such key: /, '$1 '),
      ),
      ['a none', 'a other', 'b absent'],
    );
  });

  it('of a policy whose parameters are not there is ignored where failures are', async () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    const paramRef = { name: 'none', parameterNotFoundAction: 'Deny' };
    const spec = { paramKind, mutations: [append('"1"')] };
    await policies.mutating('a', { ...spec, failurePolicy: 'Ignore' }, { a: { paramRef } });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-');
    await policies.mutating('b', spec, { b: { paramRef } });
    assert.equal(
      await api.refusal(`POST ${MAPS}`, mapOf('-', 'n')),
      "403 policy 'b' with binding 'b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
    );
  });
});

describe('match conditions of a mutating policy', () => {
  const conditioned = (expression: string, over: object = {}): object => ({
    matchConditions: [{ name: 'c', expression }],
    mutations: [append('"1"')],
    ...over,
  });

  it('see what the policies before have made', async () => {
    await policies.mutating('a', { mutations: [append('"0"')] }, { a: {} });
    await policies.mutating('b', conditioned("object.data.order == '-0'"), { b: {} });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-01');
    assert.equal(await order(`POST ${MAPS}`, mapOf('+', 'n')), '+0');
  });

  it('that fail refuse, or leave it out where failures are ignored', async () => {
    const failurePolicy = 'Ignore';
    await policies.mutating('a', conditioned('object.none == 1', { failurePolicy }), { a: {} });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-');
    await policies.mutating('b', conditioned('object.none == 1'), { b: {} });
    assert.equal(
      await api.refusal(`POST ${MAPS}`, mapOf('-', 'n')),
      "403 policy 'b' with binding 'b' denied request: expression 'object.none == 1' resulted in error: no such key: none",
    );
  });
});

describe('expressions of a mutating policy', () => {
  it('read variables, the namespace and the authorizer of who asks', async () => {
    await policies.mutating('p', {
      variables: [{ name: 'of', expression: 'namespaceObject.metadata.name' }],
      mutations: [
        append('variables.of'),
        append("string(authorizer.path('/metrics').check('get').allowed())"),
      ],
    });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-defaulttrue');
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'joe' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'User', name: 'joe' }],
    });
    const as = { as: { name: 'joe', groups: ['system:authenticated'] } };
    const { status, body } = await api.call(`POST ${MAPS}`, mapOf('-', 'n'), as);
    assert.deepEqual([status, body.data.order], [201, '-defaultfalse']);
  });

  it('may not cost too much, each mutation for itself', async () => {
    const list = 'x'.repeat(60);
    const dear =
      "object.data.list.split('').all(a, object.data.list.split('').all(b, object.data.list.split('').all(c, true)))";
    const variables = Array.from({ length: 40 }, (_, i) => ({ name: `v${i}`, expression: dear }));
    const read = (count: number): object =>
      append(
        `(${variables
          .slice(0, count)
          .map(({ name }) => `variables.${name}`)
          .join(' && ')} ? "1" : "0")`,
      );
    await policies.mutating('a', { variables, mutations: [10, 10, 10].map(read) }, { a: {} });
    assert.equal(await order(`POST ${MAPS}`, map({ order: '-', list })), '-111');
    await policies.mutating('b', { variables, mutations: [read(40)] }, { b: {} });
    assert.match(
      await api.refusal(`POST ${MAPS}`, map({ order: '-', list }, 'n')),
      /^403 policy 'b' .*running out of cost budget/,
    );
  });
});

describe('a JSON patch of a policy', () => {
  it('escapes slashes and tildes of keys', async () => {
    await policies.mutating('p', {
      mutations: [
        jsonPatch(`[JSONPatch{op: "add", path: "/metadata/annotations", value: {}},
          JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey("a.io/b"),
            value: jsonpatch.escapeKey("~1/~0")}]`),
      ],
    });
    const { metadata } = await api.must(`POST ${MAPS}`, mapOf('-'));
    assert.deepEqual(metadata.annotations, { 'a.io/b': '~01~1~00' });
  });

  it('names the types of its objects by where they are', async () => {
    const value = 'Object.spec.strategy{rollingUpdate: Object.wrong{maxSurge: 1}}';
    await policies.mutating('p', {
      matchConstraints: { resourceRules: [rule('deployments', 'apps')] },
      mutations: [jsonPatch(`[JSONPatch{op: "add", path: "/spec/strategy", value: ${value}}]`)],
    });
    assert.equal(
      await api.refusal('POST /apis/apps/v1/namespaces/default/deployments', deployment('d', 1)),
      '403 policy \'p\' with binding \'b\' denied request: type mismatch: unexpected type name "Object.wrong", expected "Object.spec.strategy.rollingUpdate", which matches field name path from root Object type',
    );
  });

  it('copies, moves, removes and replaces', async () => {
    await policies.mutating('p', {
      mutations: [
        jsonPatch(`[
          JSONPatch{op: "copy", from: "/data/a", path: "/data/copied"},
          JSONPatch{op: "move", from: "/data/b", path: "/data/moved"},
          JSONPatch{op: "remove", path: "/data/c"},
          JSONPatch{op: "replace", path: "/data/d", value: object.data.d + "!"}]`),
      ],
    });
    const { data } = await api.must(`POST ${MAPS}`, map({ a: '1', b: '2', c: '3', d: '4' }));
    assert.deepEqual(data, { a: '1', copied: '1', moved: '2', d: '4!' });
  });

  it('may put null, which takes away', async () => {
    await policies.mutating('p', {
      mutations: [jsonPatch('[JSONPatch{op: "add", path: "/immutable", value: null}]')],
    });
    const made = await api.must(`POST ${MAPS}`, { ...mapOf('-'), immutable: true });
    assert.equal(made.immutable, undefined);
  });
});

describe('an apply configuration of a policy', () => {
  it('leaves the object what it is', async () => {
    await policies.mutating('p', {
      mutations: [apply('Object{kind: "Other", apiVersion: "x.io/v1", data: {"a": "b"}}')],
    });
    const { kind, apiVersion, data } = await api.must(`POST ${MAPS}`, map());
    assert.deepEqual([kind, apiVersion, data], ['ConfigMap', 'v1', { a: 'b' }]);
  });
});

describe('a mutating policy that does not compile', () => {
  it('fails with the cause when it is asked', async () => {
    const bench = new AdmissionBench();
    const attributes = bench.attributes({ plural: 'pods', object: {} });
    const spec = { mutations: [apply('none(')] } as MutatingAdmissionPolicy['spec'];
    const mutator = new Mutator({ metadata: { name: 'p' }, spec } as MutatingAdmissionPolicy);
    const input = { view: viewOf(attributes), request: {}, object: {}, old: undefined };
    const decisions = new RequestDecisions(() => ({ outcome: 'none', reason: '' }));
    await assert.rejects(mutator.mutate(0, attributes.kind, input, decisions), {
      name: 'MutationError',
      message: /^compilation failed: ERROR/,
    });
  });
});

describe('who is asked again', () => {
  it('are those that want to be when a webhook has changed something', async () => {
    hooks.respond('/hook', () => patch({ op: 'add', path: '/data/hooked', value: 'yes' }));
    await hooks.hook('w', '/hook', { mutating: true });
    const unlessSeen = apply(
      'Object{data: {"seen": has(object.data.hooked) ? "hooked" : "not yet"}}',
    );
    const spec = { mutations: [unlessSeen], reinvocationPolicy: 'IfNeeded' };
    await policies.mutating('p', spec);
    const before = map({ seen: 'not yet' });
    assert.equal((await api.must(`POST ${MAPS}`, before)).data.seen, 'hooked');
  });

  it('are those that want to be when something was mutated, though nothing has changed', async () => {
    const mutations = [apply('Object{}')];
    await policies.mutating('a', { mutations, reinvocationPolicy: 'IfNeeded' }, { a: {} });
    await policies.mutating('b', { mutations }, { b: {} });
    await api.must(`POST ${MAPS}`, map());
    assert.deepEqual(await asked(), ['a no_error 2', 'b no_error 1']);
  });

  it('is nobody when all mutations have failed', async () => {
    const spec = { mutations: [BROKEN], failurePolicy: 'Ignore', reinvocationPolicy: 'IfNeeded' };
    await policies.mutating('a', spec, { a: {} });
    await api.must(`POST ${MAPS}`, map());
    assert.deepEqual(await asked(), ['a invalid_error 1']);
  });

  it('is told apart by parameter', async () => {
    for (const name of ['one', 'two'])
      await api.must(`POST ${MAPS}`, { metadata: { name, labels: { p: 'p' } } });
    const paramRef = { selector: { matchLabels: { p: 'p' } }, parameterNotFoundAction: 'Deny' };
    await policies.mutating(
      'a',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        reinvocationPolicy: 'IfNeeded',
        // The second parameter is not meant until a later policy has run.
        matchConditions: [
          {
            name: 'c',
            expression: "params.metadata.name == 'one' || object.data.order.contains('b')",
          },
        ],
        mutations: [append('params.metadata.name')],
      },
      { a: { paramRef } },
    );
    await policies.mutating('b', { mutations: [append('"b"')] }, { b: {} });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-onebone');
  });

  it('is told apart by binding', async () => {
    const matchResources = { objectSelector: { matchLabels: { seen: 'yes' } } };
    await policies.mutating(
      'a',
      { mutations: [append('"a"')], reinvocationPolicy: 'IfNeeded' },
      // The second is not meant until the object has the label.
      { one: {}, two: { matchResources } },
    );
    const label = apply('Object{metadata: Object.metadata{labels: {"seen": "yes"}}}');
    await policies.mutating('b', { mutations: [label] }, { b: {} });
    assert.equal(await order(`POST ${MAPS}`, mapOf('-')), '-aa');
  });
});

describe('mutating policies', () => {
  it('never change policies, their bindings or reviews of access', async () => {
    const all = {
      matchConstraints: {
        resourceRules: [rule('*', '*', { apiVersions: ['*'], operations: ['*'] })],
      },
      mutations: [apply('Object{metadata: Object.metadata{labels: {"mark": "yes"}}}')],
    };
    await policies.mutating('p', all, { b: {} });
    await policies.validating('q', { validations: [{ expression: 'true' }] }, { c: {} });
    await policies.mutating('r', all, { d: {} });
    for (const path of [
      'mutatingadmissionpolicies/r',
      'mutatingadmissionpolicybindings/d',
      'validatingadmissionpolicies/q',
      'validatingadmissionpolicybindings/c',
    ])
      assert.equal((await api.must(`GET ${CONFIGURATIONS}/${path}`)).metadata.labels, undefined);
    const spec = { nonResourceAttributes: { path: '/', verb: 'get' } };
    const review = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    assert.equal((await api.must(`POST ${review}`, { spec })).metadata?.labels, undefined);
    const hook = { metadata: { name: 'w' } };
    const made = await api.must(`POST ${CONFIGURATIONS}/validatingwebhookconfigurations`, hook);
    assert.deepEqual(made.metadata.labels, { mark: 'yes' });
  });

  it('are not asked of deletions, not even whether they are meant', async () => {
    await api.must(`POST ${MAPS}`, mapOf('-'));
    await policies.mutating('p', {
      matchConstraints: { resourceRules: [rule('configmaps', '', { operations: ['*'] })] },
      matchConditions: [{ name: 'c', expression: "object.metadata.name == 'm'" }],
      mutations: [append('"1"')],
    });
    await api.must(`DELETE ${MAPS}/m`);
  });
});
