/** Bindings that narrow what their policy is for, and what they have done about a refusal. */
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

const map = (name: string, labels: object = {}): object => ({ metadata: { name, labels } });

const MARK = {
  mutations: [
    {
      patchType: 'ApplyConfiguration',
      applyConfiguration: { expression: 'Object{data: {"mark": "yes"}}' },
    },
  ],
};

describe('a binding', () => {
  const rows: [what: string, matchResources: object][] = [
    ['rules', { resourceRules: [rule('configmaps', '', { resourceNames: ['meant'] })] }],
    [
      'rules that exclude',
      { excludeResourceRules: [rule('configmaps', '', { resourceNames: ['free'] })] },
    ],
    ['a selector of objects', { objectSelector: { matchLabels: { is: 'meant' } } }],
  ];
  const meant = map('meant', { is: 'meant' });
  const free = map('free', { is: 'free' });

  for (const [what, matchResources] of rows) {
    it(`narrows its validating policy by ${what}`, async () => {
      const spec = { validations: [{ expression: 'false' }] };
      await policies.validating('p', spec, { b: { matchResources } });
      await api.must(`POST ${MAPS}`, free);
      assert.match(await api.refusal(`POST ${MAPS}`, meant), /^422/);
    });

    it(`narrows its mutating policy by ${what}`, async () => {
      await policies.mutating('p', MARK, { b: { matchResources } });
      assert.equal((await api.must(`POST ${MAPS}`, free)).data, undefined);
      assert.deepEqual((await api.must(`POST ${MAPS}`, meant)).data, { mark: 'yes' });
    });
  }

  it('narrows its policy by a selector of namespaces', async () => {
    await api.must('POST /api/v1/namespaces', { metadata: { name: 'n', labels: { is: 'meant' } } });
    const matchResources = { namespaceSelector: { matchLabels: { is: 'meant' } } };
    const spec = { validations: [{ expression: 'has(object.data)' }] };
    await policies.validating('p', spec, { b: { matchResources } });
    await policies.mutating('p', MARK, { b: { matchResources } });
    assert.equal((await api.must(`POST ${MAPS}`, map('m'))).data, undefined);
    const made = await api.must('POST /api/v1/namespaces/n/configmaps', map('m'));
    assert.deepEqual(made.data, { mark: 'yes' });
  });

  it('widens nothing', async () => {
    const matchResources = { resourceRules: [rule('*', '*')] };
    await policies.validating(
      'p',
      { validations: [{ expression: 'false' }] },
      {
        b: { matchResources },
      },
    );
    await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 1));
    assert.match(await api.refusal(`POST ${MAPS}`, map('m')), /^422/);
  });
});

describe('what is refused', () => {
  const no = (message: string): object => ({ validations: [{ expression: 'false', message }] });

  it('is warned of all the same, by whoever comes before and after', async () => {
    await policies.validating('a', no('a'), { a: { validationActions: ['Warn'] } });
    await policies.validating('b', no('b'), { b: { validationActions: ['Deny', 'Audit'] } });
    await policies.validating('c', no('c'), { c: { validationActions: ['Audit', 'Warn'] } });
    const { status, headers, body } = await api.call(`POST ${MAPS}`, map('m'));
    assert.equal(status, 422);
    assert.match(body.message, /'b' with binding 'b' denied request: b$/);
    const warned = String(headers['warning']).split(/, (?=299)/);
    assert.deepEqual(
      warned.map((each) => each.replace(/^.*'(\w)' with binding.*: (\w)"$/, '$1 $2')),
      ['a a', 'c c'],
    );
  });

  it('is refused by the first validation that does not pass, whatever the later say', async () => {
    const validations = ['one', 'two'].map((message) => ({ expression: 'false', message }));
    await policies.validating(
      'a',
      { validations },
      {
        b: { validationActions: ['Deny'] },
      },
    );
    const { body } = await api.call(`POST ${MAPS}`, map('m'));
    assert.match(body.message, /: one$/);
    assert.equal(body.details.causes.length, 1);
  });
});
