import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestInfoOf } from '../request-info.ts';
import { AbacError, abacAuthorizer, readAbacPolicies } from './abac.ts';
import { attributesFor, type Decision } from './authorizer.ts';

const beta = (spec: object): string =>
  JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec });
const ALICE = { name: 'alice', groups: ['system:authenticated', 'staff'] };
const NOBODY = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
const PODS = 'GET /api/v1/namespaces/shop/pods';
const CREATE = 'POST /api/v1/namespaces/shop/pods';
const DEPLOYMENTS = 'GET /apis/apps/v1/namespaces/shop/deployments';
const NODES = 'GET /api/v1/nodes';
const VERSION = 'GET /version';

function may(policy: string, request: string, user = ALICE): boolean {
  const [method = '', url = ''] = request.split(' ');
  const { authorize } = abacAuthorizer(readAbacPolicies(policy, '/policies'));
  const decision = authorize(attributesFor(user, requestInfoOf(method, url))) as Decision;
  if (decision.outcome === 'none') assert.equal(decision.reason, 'No policy matched.');
  return decision.outcome === 'allow';
}

describe('ABAC policies', () => {
  const all = { namespace: '*', resource: '*', apiGroup: '*' };
  const table: readonly (readonly [
    claim: string,
    policy: string,
    allowed: readonly string[],
    refused: readonly string[],
    user?: typeof ALICE,
  ])[] = [
    ['of a user', beta({ user: 'alice', ...all }), [PODS, CREATE, DEPLOYMENTS, NODES], [VERSION]],
    ['of another user', beta({ user: 'bob', ...all }), [], [PODS]],
    ['of a group', beta({ group: 'staff', ...all }), [PODS], []],
    ['of a user in another group', beta({ user: 'alice', group: 'ops', ...all }), [], [PODS]],
    ['of nobody', beta(all), [], [PODS]],
    ['of everybody', beta({ user: '*', ...all }), [PODS], []],
    ['of everybody, for who has no name', beta({ group: '*', ...all }), [], [PODS], NOBODY],
    ['to read', beta({ user: 'alice', readonly: true, ...all }), [PODS], [CREATE]],
    [
      'of one resource',
      beta({ user: 'alice', namespace: 'shop', resource: 'pods' }),
      [PODS, CREATE],
      [DEPLOYMENTS, 'GET /api/v1/namespaces/other/pods', 'GET /api/v1/namespaces/shop/secrets'],
    ],
    [
      'of one group of the API',
      beta({ user: 'alice', namespace: '*', resource: '*', apiGroup: 'apps' }),
      [DEPLOYMENTS],
      [PODS],
    ],
    [
      'of a path',
      beta({ user: 'alice', nonResourcePath: '/version' }),
      [VERSION],
      ['GET /healthz', PODS],
    ],
    [
      'of paths below one',
      beta({ user: 'alice', nonResourcePath: '/apis*' }),
      ['GET /apis', 'GET /apis/apps'],
      [VERSION, DEPLOYMENTS],
    ],
    ['of all paths', beta({ user: 'alice', nonResourcePath: '*' }), [VERSION], [PODS]],
    ['of old, for everything', '{"user":"alice"}', [PODS, DEPLOYMENTS, NODES, VERSION], []],
    ['of old, for a namespace', '{"user":"alice","namespace":"shop"}', [PODS], [NODES, VERSION]],
    ['of old, for everybody', '{"readonly":true}', [PODS, VERSION], [CREATE]],
    ['of old, for everybody but who has no name', '{}', [], [PODS], NOBODY],
  ];
  for (const [claim, policy, allowed, refused, user] of table)
    it(`${claim}`, () => {
      for (const request of allowed) assert.ok(may(policy, request, user), request);
      for (const request of refused) assert.ok(!may(policy, request, user), request);
    });

  it('are any of several, one a line, with comments', () => {
    const text = `# who may what\n\n${beta({ user: 'bob', ...all })}\n${beta({ user: 'alice', ...all })}\n`;
    assert.ok(may(text, PODS));
  });

  it('that cannot be read are named by their line', () => {
    const refusal = (text: string): string => {
      try {
        readAbacPolicies(`\n${text}`, '/policies');
        return 'taken';
      } catch (error) {
        assert.ok(error instanceof AbacError);
        return error.message;
      }
    };
    const where = 'error reading policy file /policies, line 2: ';
    assert.equal(refusal('[]'), `${where}[]: a policy is a JSON object`);
    assert.match(refusal('{'), /^error reading policy file \/policies, line 2: \{: /);
    assert.equal(refusal('{"user":1}'), `${where}{"user":1}: user must be a string`);
    assert.equal(
      refusal('{"readonly":"yes"}'),
      `${where}{"readonly":"yes"}: readonly must be true or false`,
    );
    assert.match(
      refusal('{"apiVersion":"v7","kind":"Policy"}'),
      /: no kind "Policy" is registered for version "v7" in scheme "pkg\/apis\/abac\/register\.go:33"$/,
    );
  });

  it('tell what a user may do', () => {
    const { rules } = abacAuthorizer(
      readAbacPolicies(
        [
          beta({ user: 'alice', namespace: 'shop', resource: 'pods', readonly: true }),
          beta({ user: 'alice', namespace: '*', nonResourcePath: '/version' }),
          beta({ user: 'alice', namespace: 'other', resource: 'pods' }),
          beta({ user: 'bob', ...all }),
        ].join('\n'),
        '/policies',
      ),
    );
    assert.deepEqual(rules(ALICE, 'shop'), {
      resourceRules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/version'] }],
      incomplete: false,
      errors: [],
    });
  });
});
