import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  FlowSchema,
  NonResourcePolicyRule,
  ResourcePolicyRule,
  Subject,
} from '#api/gen/flowcontrol-v1.ts';
import { requestInfoOf } from '../request-info.ts';
import { byPrecedence, schemaMatcher } from './match.ts';

const BOB = { name: 'bob', groups: ['dev', 'system:authenticated'] };
const ROBOT = { name: 'system:serviceaccount:ops:robot', groups: [] };
const EVERYBODY: Subject = { kind: 'Group', group: { name: '*' } };
const PODS = '/api/v1/namespaces/a/pods';

interface Rules {
  readonly subjects?: Subject[];
  readonly resourceRules?: ResourcePolicyRule[];
  readonly nonResourceRules?: NonResourcePolicyRule[];
}

function matches(rules: Rules, request: string, user = BOB): boolean {
  const [method = '', url = ''] = request.split(' ');
  const schema: FlowSchema = {
    spec: {
      priorityLevelConfiguration: { name: 'x' },
      matchingPrecedence: 1,
      rules: [{ subjects: [EVERYBODY], ...rules }],
    },
  };
  return schemaMatcher(schema)(user, requestInfoOf(method, url));
}

describe('a flow schema', () => {
  const all: ResourcePolicyRule = {
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
    namespaces: ['*'],
    clusterScope: true,
  };
  const rule = (more: Partial<ResourcePolicyRule>) => ({ resourceRules: [{ ...all, ...more }] });
  const paths = (...nonResourceURLs: string[]) => ({
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs }],
  });
  const rows: [rules: Rules, request: string, matches: boolean][] = [
    [rule({}), `GET ${PODS}`, true],
    [rule({}), 'GET /healthz', false],
    [rule({ verbs: ['list'] }), `GET ${PODS}`, true],
    [rule({ verbs: ['get'] }), `GET ${PODS}`, false],
    [rule({ apiGroups: [''] }), `GET ${PODS}`, true],
    [rule({ apiGroups: ['apps'] }), `GET ${PODS}`, false],
    [rule({ resources: ['pods'] }), `GET ${PODS}/x/status`, false],
    [rule({ resources: ['pods/status'] }), `GET ${PODS}/x/status`, true],
    [rule({ namespaces: ['a'], clusterScope: false }), `GET ${PODS}`, true],
    [rule({ namespaces: ['b'] }), `GET ${PODS}`, false],
    [rule({}), 'GET /api/v1/pods', true],
    [rule({ clusterScope: false }), 'GET /api/v1/pods', false],
    [rule({ namespaces: [] }), 'GET /api/v1/nodes', true],
    [paths('*'), 'GET /healthz', true],
    [paths('*'), `GET ${PODS}`, false],
    [paths('/healthz'), 'GET /healthz', true],
    [paths('/healthz'), 'GET /healthz/ping', true],
    [paths('/healthz'), 'GET /healthzz', false],
    [paths('/healthz/*'), 'GET /healthz/ping', true],
    [paths('/healthz/*'), 'GET /healthz', false],
    [{ nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['*'] }] }, 'POST /healthz', false],
  ];
  for (const [rules, request, wanted] of rows)
    it(`of ${JSON.stringify(rules)} ${wanted ? 'takes' : 'leaves'} ${request}`, () =>
      assert.equal(matches(rules, request), wanted));

  const subjects: [subject: Subject, user: typeof BOB, matches: boolean][] = [
    [{ kind: 'User', user: { name: 'bob' } }, BOB, true],
    [{ kind: 'User', user: { name: 'eve' } }, BOB, false],
    [{ kind: 'User', user: { name: '*' } }, BOB, true],
    [{ kind: 'Group', group: { name: 'dev' } }, BOB, true],
    [{ kind: 'Group', group: { name: 'ops' } }, BOB, false],
    [{ kind: 'Group', group: { name: '*' } }, ROBOT, true],
    [serviceAccount('ops', 'robot'), ROBOT, true],
    [serviceAccount('ops', '*'), ROBOT, true],
    [serviceAccount('op', '*'), ROBOT, false],
    [serviceAccount('ops', 'rob'), ROBOT, false],
    [serviceAccount('ops', '*'), BOB, false],
    [{ kind: 'Group' }, BOB, false],
  ];
  for (const [subject, user, wanted] of subjects)
    it(`of ${JSON.stringify(subject)} ${wanted ? 'takes' : 'leaves'} ${user.name}`, () =>
      assert.equal(matches({ subjects: [subject], ...rule({}) }, `GET ${PODS}`, user), wanted));

  it('takes nobody without subjects, and nothing without rules', () => {
    assert.equal(matches({ subjects: [], ...rule({}) }, `GET ${PODS}`), false);
    assert.equal(matches({}, `GET ${PODS}`), false);
    assert.equal(schemaMatcher({})(BOB, requestInfoOf('GET', PODS)), false);
  });
});

function serviceAccount(namespace: string, name: string): Subject {
  return { kind: 'ServiceAccount', serviceAccount: { namespace, name } };
}

describe('flow schemas', () => {
  it('are asked by precedence, and then by name', () => {
    const schema = (name: string, matchingPrecedence: number): FlowSchema => ({
      metadata: { name },
      spec: { priorityLevelConfiguration: { name: '' }, matchingPrecedence },
    });
    const sorted = [schema('c', 2), schema('b', 10), schema('a', 10)].toSorted(byPrecedence);
    assert.deepEqual(
      sorted.map(({ metadata }) => metadata?.name),
      ['c', 'a', 'b'],
    );
  });
});
