/** What a validating policy says where failures are ignored, where little budget is left, and why. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { deployment, PolicyServer, rule } from '#kit/policy-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

let policies: PolicyServer;
let api: TestApiServer;

beforeEach(async () => {
  policies = await PolicyServer.start();
  ({ api } = policies);
});

const map = (data: object = {}, name = 'm'): object => ({ metadata: { name }, data });

/** `DEAR` costs a little less than a tenth of what one binding may. */
const LIST = 'x'.repeat(60);
const DEAR =
  "object.data.list.split('').all(a, object.data.list.split('').all(b, object.data.list.split('').all(c, true)))";

describe('a validating policy that ignores failures', () => {
  const failurePolicy = 'Ignore';

  it('refuses what its validations say no to', async () => {
    await policies.validating('p', {
      failurePolicy,
      validations: [{ expression: 'object.none == 1' }, { expression: 'false', message: 'no' }],
    });
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /^422 .*: no$/);
  });

  it('lets through what costs too much', async () => {
    const many = Array.from({ length: 60 }, () => ({ expression: DEAR }));
    const said = { expression: 'true', messageExpression: `string(${DEAR})` };
    await policies.validating('p', { failurePolicy, validations: many }, { b: {} });
    await policies.validating(
      'q',
      { failurePolicy, validations: Array.from({ length: 60 }, () => said) },
      { c: {} },
    );
    await api.must(`POST ${MAPS}`, map({ list: LIST }));
  });

  it('refuses nothing for a parameter that is not there', async () => {
    const paramRef = { name: 'none', parameterNotFoundAction: 'Deny' };
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    const spec = { failurePolicy, paramKind, validations: [{ expression: 'false' }] };
    await policies.validating('p', spec, { b: { paramRef } });
    await api.must(`POST ${MAPS}`, map());
  });
});

describe('the budget of a validating policy', () => {
  const most = Array.from({ length: 10 }, () => ({ expression: DEAR }));

  it('is that of one binding: others have their own', async () => {
    await policies.validating('p', { validations: most }, { b: {}, c: {}, d: {} });
    await policies.validating('q', { validations: most }, { e: {} });
    await api.must(`POST ${MAPS}`, map({ list: LIST }));
  });

  it('is not that of its annotations, which have one of their own', async () => {
    const annotation = (_: unknown, index: number): object => ({
      key: `k${index}`,
      valueExpression: `string(${DEAR})`,
    });
    const auditAnnotations = Array.from({ length: 10 }, annotation);
    await policies.validating('p', { validations: most, auditAnnotations });
    await api.must(`POST ${MAPS}`, map({ list: LIST }));
  });

  it('of annotations has an end too', async () => {
    const variables = Array.from({ length: 40 }, (_, i) => ({ name: `v${i}`, expression: DEAR }));
    const all = variables.map(({ name }) => `variables.${name}`).join(' && ');
    await policies.validating('p', {
      variables,
      validations: [{ expression: 'true' }],
      auditAnnotations: [{ key: 'k', valueExpression: `string(${all})` }],
    });
    assert.match(
      await api.refusal(`POST ${MAPS}`, map({ list: LIST })),
      /running out of cost budget/,
    );
  });
});

describe('the answer of a validating policy', () => {
  it('has the reason of a validation that says no, not of one that fails', async () => {
    await policies.validating('p', {
      validations: [{ expression: "object.data.a == 'x'", reason: 'Forbidden' }],
    });
    const said = async (data: object) => {
      const { status, body } = await api.call(`POST ${MAPS}`, map(data));
      return [status, body.reason];
    };
    assert.deepEqual(await said({ a: 'y' }), [403, 'Forbidden']);
    assert.deepEqual(await said({}), [422, 'Invalid']);
  });

  it('measures messages in bytes', async () => {
    await policies.validating('p', {
      validations: [
        { expression: 'false', message: 'static', messageExpression: 'string(object.data.text)' },
      ],
    });
    const said = async (text: string): Promise<string> =>
      (await api.refusal(`POST ${MAPS}`, map({ text }))).replace(/^.* denied request: /, '');
    assert.equal(await said('é'.repeat(2560)), 'é'.repeat(2560));
    assert.equal(await said('é'.repeat(2561)), 'static');
  });

  it('shows the static message where the expression fails', async () => {
    await policies.validating('p', {
      validations: [
        { expression: 'false', message: ' static ', messageExpression: 'string(object.none)' },
      ],
    });
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /denied request: static$/);
  });
});

describe('expressions of a validating policy', () => {
  it('are told who asks, with what options', async () => {
    const said = [
      "request.userInfo.username == 'joe' && request.userInfo.groups.exists(g, g == 'system:masters')",
      "request.options.fieldManager == 'me' && request.options.kind == 'CreateOptions'",
      '!has(request.subResource) && !has(request.requestSubResource)',
    ];
    await policies.validating('p', { validations: said.map((expression) => ({ expression })) });
    const as = { as: { name: 'joe', groups: ['system:masters', 'system:authenticated'] } };
    assert.match(await api.refusal(`POST ${MAPS}?fieldManager=me`, map(), as), /^201/);
  });

  it('see the status and the scale that are written, and what they were', async () => {
    await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
    const on = (subresource: string, expression: string): object => ({
      matchConstraints: { resourceRules: [rule(`deployments/${subresource}`, 'apps')] },
      validations: [{ expression, message: subresource }],
    });
    await policies.validating(
      'p',
      on(
        'status',
        "request.subResource == 'status' && request.requestSubResource == 'status' && object.status.replicas > 3",
      ),
      { b: {} },
    );
    await policies.validating(
      'q',
      on('scale', "object.kind == 'Scale' && object.spec.replicas <= oldObject.spec.replicas + 1"),
      { c: {} },
    );
    const write = (subresource: string, body: object) =>
      api.refusal(`PATCH ${DEPLOYMENTS}/d/${subresource}`, body);
    assert.match(await write('status', { status: { replicas: 3 } }), /^422 .*: status$/);
    assert.match(await write('status', { status: { replicas: 4 } }), /^200/);
    assert.match(await write('scale', { spec: { replicas: 4 } }), /^422 .*: scale$/);
    assert.match(await write('scale', { spec: { replicas: 3 } }), /^200/);
    await api.must(`PATCH ${DEPLOYMENTS}/d`, { spec: { replicas: 9 } });
  });

  it('see no namespace in match conditions, whatever the request is of', async () => {
    await policies.validating('p', {
      matchConditions: [{ name: 'c', expression: 'namespaceObject == null' }],
      validations: [{ expression: 'namespaceObject == null' }],
    });
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /^422/);
  });
});
