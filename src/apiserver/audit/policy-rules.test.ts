import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyRule } from '#api/audit/policy.ts';
import { attributesFor } from '../authz/authorizer.ts';
import { requestInfoOf } from '../request-info.ts';
import { policyRules } from './policy-rules.ts';

const USER = { name: 'bob', groups: ['dev', 'ops'] };

function levelOf(rule: Omit<PolicyRule, 'level'>, request: string): string {
  const [method = '', url = ''] = request.split(' ');
  const attributes = attributesFor(USER, requestInfoOf(method, url));
  return policyRules({ rules: [{ level: 'Metadata', ...rule }] })(attributes).level;
}

const PODS = '/api/v1/namespaces/a/pods';
const GET = `GET ${PODS}/x`;

describe('a rule of the audit policy', () => {
  const core = (...resources: string[]) => ({ resources: [{ group: '', resources }] });
  const rows: [rule: Omit<PolicyRule, 'level'>, request: string, matches: boolean][] = [
    [{}, GET, true],
    [{}, 'GET /healthz', true],
    [{ users: ['bob'] }, GET, true],
    [{ users: ['eve'] }, GET, false],
    [{ userGroups: ['ops', 'x'] }, GET, true],
    [{ userGroups: ['x'] }, GET, false],
    [{ users: ['bob'], userGroups: ['x'] }, GET, false],
    [{ verbs: ['get', 'list'] }, GET, true],
    [{ verbs: ['list'] }, GET, false],
    [{ verbs: ['get'] }, 'GET /healthz', true],
    [{ namespaces: ['a'] }, GET, true],
    [{ namespaces: ['b'] }, GET, false],
    [{ namespaces: [''] }, 'GET /api/v1/nodes', true],
    [{ namespaces: [''] }, GET, false],
    [{ namespaces: [''] }, 'GET /healthz', false],
    [core('pods'), GET, true],
    [core('pods'), `GET ${PODS}/x/log`, false],
    [core('pods/log'), `GET ${PODS}/x/log`, true],
    [core('pods/log'), GET, false],
    [core('pods/*'), `GET ${PODS}/x/log`, true],
    [core('pods/*'), GET, true],
    [core('pods/*'), 'GET /api/v1/namespaces/a/podses/x', false],
    [core('*/log'), `GET ${PODS}/x/log`, true],
    [core('*/status'), `GET ${PODS}/x/log`, false],
    [core('*/log'), GET, false],
    [core('*/'), GET, false],
    [core('*'), `GET ${PODS}/x/log`, true],
    [core('*'), 'GET /healthz', false],
    [core(), GET, true],
    [core('pods'), 'GET /apis/apps/v1/namespaces/a/pods/x', false],
    [{ resources: [{ group: '*', resources: ['pods'] }] }, 'GET /apis/b/v1/pods', true],
    [{ resources: [{ group: 'apps' }] }, 'GET /apis/apps/v1/deployments', true],
    [{ resources: [{ group: 'apps' }] }, GET, false],
    [{ resources: [{ resources: ['pods'], resourceNames: ['x'] }] }, GET, true],
    [{ resources: [{ resources: ['pods'], resourceNames: ['y'] }] }, GET, false],
    [
      { resources: [{ resources: ['pods'], resourceNames: ['y'] }, { resources: ['*'] }] },
      GET,
      true,
    ],
    [{ ...core('pods'), namespaces: ['b'] }, GET, false],
    [{ nonResourceURLs: ['/healthz'] }, 'GET /healthz', true],
    [{ nonResourceURLs: ['/healthz'] }, 'GET /healthz/ping', false],
    [{ nonResourceURLs: ['/healthz*'] }, 'GET /healthz/ping', true],
    [{ nonResourceURLs: ['/a/*'] }, 'GET /a', false],
    [{ nonResourceURLs: ['*'] }, 'GET /healthz', true],
    [{ nonResourceURLs: ['*'] }, GET, false],
  ];
  for (const [rule, request, matches] of rows)
    it(`${JSON.stringify(rule)} ${matches ? 'is of' : 'is not of'} ${request}`, () =>
      assert.equal(levelOf(rule, request), matches ? 'Metadata' : 'None'));

  it('of users is of nobody who is not known', () => {
    const attributes = { ...attributesFor(USER, requestInfoOf('GET', '/api')), user: undefined };
    const level = (rule: Omit<PolicyRule, 'level'>) =>
      policyRules({ rules: [{ level: 'Metadata', ...rule }] })(attributes).level;
    assert.equal(level({ users: ['bob'] }), 'None');
    assert.equal(level({ userGroups: ['dev'] }), 'None');
    assert.equal(level({}), 'Metadata');
  });
});

describe('the audit policy', () => {
  const attributes = attributesFor(USER, requestInfoOf('GET', PODS));

  it('goes by the first rule that matches', () => {
    const rules: PolicyRule[] = [
      { level: 'None', verbs: ['get'] },
      { level: 'Request', verbs: ['list'] },
      { level: 'RequestResponse' },
    ];
    assert.equal(policyRules({ rules })(attributes).level, 'Request');
    assert.equal(policyRules({ rules: rules.slice(0, 1) })(attributes).level, 'None');
  });

  it('leaves out what it or the rule leaves out', () => {
    const { omitStages } = policyRules({
      omitStages: ['Panic'],
      rules: [{ level: 'Metadata', omitStages: ['RequestReceived'] }],
    })(attributes);
    assert.deepEqual([...omitStages].toSorted(), ['Panic', 'RequestReceived']);
  });

  it('drops managed fields where the rule, or else the policy, says so', () => {
    const omits = (policy: boolean | undefined, rule: boolean | undefined) =>
      policyRules({
        ...(policy === undefined ? {} : { omitManagedFields: policy }),
        rules: [{ level: 'Metadata', ...(rule === undefined ? {} : { omitManagedFields: rule }) }],
      })(attributes).omitManagedFields;
    assert.equal(omits(undefined, undefined), false);
    assert.equal(omits(true, undefined), true);
    assert.equal(omits(true, false), false);
    assert.equal(omits(false, true), true);
  });
});
