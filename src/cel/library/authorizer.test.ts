/** What expressions ask an authorizer, and how they read its answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run, withVariables } from '../test-kit.ts';
import {
  AUTHORIZER_TYPE,
  authorizerValue,
  type CelAuthorizer,
  type CheckDecision,
  RESOURCE_CHECK_TYPE,
  resourceCheckValue,
} from './authorizer.ts';

/** Allows everything and writes down what it was asked. */
function recorder(
  asked: unknown[],
  answer: CheckDecision = { isAllowed: true, reason: 'yes' },
): CelAuthorizer {
  const forUser = (user: string): CelAuthorizer => ({
    checkPath: (path, verb) => {
      asked.push({ user, path, verb });
      return answer;
    },
    checkResource: (resource, verb) => {
      asked.push({ user, ...resource, verb });
      return answer;
    },
    forServiceAccount: (namespace, name) => forUser(`${namespace}/${name}`),
  });
  return forUser('me');
}

function ask(
  expression: string,
  answer?: CheckDecision,
): { readonly answer: unknown; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const authorizer = recorder(asked, answer);
  const environment = withVariables({
    authorizer: AUTHORIZER_TYPE,
    requestResource: RESOURCE_CHECK_TYPE,
  });
  const resource = {
    group: 'apps',
    resource: 'deployments',
    subresource: '',
    namespace: 'n',
    name: 'd',
  };
  const variables = {
    authorizer: authorizerValue(authorizer),
    requestResource: resourceCheckValue(authorizer, resource),
  };
  return { answer: run(expression, { environment, variables }), asked };
}

describe('authorizer', () => {
  it('asks for a path', () => {
    assert.deepEqual(ask("authorizer.path('/healthz').check('get').allowed()"), {
      answer: true,
      asked: [{ user: 'me', path: '/healthz', verb: 'get' }],
    });
  });

  it('asks for a resource with all its parts', () => {
    const { asked } = ask(
      "authorizer.group('').resource('pods').subresource('log').namespace('n').name('p').labelSelector('a=b').fieldSelector('c=d').check('get').reason()",
    );
    assert.deepEqual(asked, [
      {
        user: 'me',
        group: '',
        resource: 'pods',
        subresource: 'log',
        namespace: 'n',
        name: 'p',
        labelSelector: 'a=b',
        fieldSelector: 'c=d',
        verb: 'get',
      },
    ]);
  });

  it('asks for a service account in place of the user', () => {
    const { asked } = ask(
      "authorizer.serviceAccount('ns', 'sa').path('/x').check('get').allowed()",
    );
    assert.deepEqual(asked, [{ user: 'ns/sa', path: '/x', verb: 'get' }]);
  });

  it('asks for the resource of the request', () => {
    const { answer } = ask("requestResource.check('update').reason()");
    assert.equal(answer, 'yes');
  });

  it('tells why nobody could decide', () => {
    const failed = { isAllowed: false, reason: '', error: 'too busy' };
    const check = "authorizer.path('/x').check('get')";
    assert.equal(ask(`${check}.errored()`, failed).answer, true);
    assert.equal(ask(`${check}.error()`, failed).answer, 'too busy');
    assert.equal(ask(`${check}.error()`).answer, '');
  });

  it('refuses names that can be none', () => {
    const refusals = {
      "authorizer.path(' ')": 'error: path must not be empty',
      "authorizer.group('').resource('')": 'error: resource must not be empty',
      "authorizer.serviceAccount('n', 'A')": 'error: Invalid service account name',
      "authorizer.serviceAccount('N', 'a')": 'error: Invalid service account namespace',
    };
    for (const [expression, answer] of Object.entries(refusals)) {
      assert.deepEqual(ask(expression), { answer, asked: [] });
    }
  });
});
