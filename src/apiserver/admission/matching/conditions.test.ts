/** Match conditions, and the authorizer that they may ask. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { AdmissionBench } from '#kit/admission.ts';
import { AdmissionMetrics } from '../../metrics/admission-metrics.ts';
import type { AuthorizationAttributes, Decision } from '../../authz/authorizer.ts';
import { type Ask, RequestDecisions } from './authorizer.ts';
import { type ConditionOutcome, MatchConditions } from './conditions.ts';
import { viewOf } from './request.ts';

const NO: Ask = () => ({ outcome: 'none', reason: 'nobody may' });

async function evaluate(
  expressions: readonly string[],
  over: {
    readonly failurePolicy?: 'Fail' | 'Ignore';
    readonly ask?: Ask;
    readonly params?: object;
  } = {},
): Promise<ConditionOutcome> {
  const { failurePolicy = 'Fail', ask = NO, params } = over;
  const bench = new AdmissionBench();
  const { clock } = bench.environment;
  const owner = { name: 'w', kind: 'webhook', type: 'admit', failurePolicy } as const;
  const conditions = new MatchConditions(
    expressions.map((expression, index) => ({ name: `c${index}`, expression })),
    owner,
    { hasParams: params !== undefined },
  );
  const attributes = bench.attributes({ plural: 'pods', name: 'p' });
  const kind = { ...attributes.kind, version: 'v1' };
  return conditions.evaluate(
    { clock, metrics: new AdmissionMetrics(new MetricRegistry(), clock) },
    new RequestDecisions(ask),
    {
      view: viewOf({ ...attributes, kind }),
      request: { name: 'p' },
      object: { a: 1, list: Array.from({ length: 100 }, (_, i) => i) },
      old: undefined,
      ...(params === undefined ? {} : { params: params as never }),
    },
  );
}

const MATCH = { kind: 'match' };
const BROKEN = 'object.none == 1';

describe('match conditions', () => {
  it('must all say yes', async () => {
    assert.deepEqual(await evaluate([]), MATCH);
    assert.deepEqual(await evaluate(['object.a == 1', 'request.name == "p"']), MATCH);
    assert.deepEqual(await evaluate(['true', 'false']), { kind: 'excluded', condition: 'c1' });
    assert.deepEqual(await evaluate(['oldObject == null', 'namespaceObject == null']), MATCH);
  });

  it('decide by one that says no, whatever else fails', async () => {
    assert.deepEqual(await evaluate([BROKEN, 'false']), { kind: 'excluded', condition: 'c1' });
  });

  it('that fail leave it to the policy', async () => {
    const message = `expression '${BROKEN}' resulted in error: no such key: none`;
    assert.deepEqual(await evaluate([BROKEN, 'true']), { kind: 'error', message });
    assert.deepEqual(await evaluate([BROKEN, '1/0 == 1']), {
      kind: 'error',
      message: `[${message}, expression '1/0 == 1' resulted in error: division by zero]`,
    });
    assert.deepEqual(await evaluate([BROKEN], { failurePolicy: 'Ignore' }), { kind: 'excluded' });
  });

  it('that do not compile fail', async () => {
    const outcome = await evaluate(['1 +']);
    assert.match(
      outcome.kind === 'error' ? outcome.message : '',
      /^compilation error: compilation failed: ERROR/,
    );
    const notBool = await evaluate(['1']);
    assert.deepEqual(notBool, {
      kind: 'error',
      message: 'compilation error: must evaluate to bool',
    });
  });

  it('have a budget together', async () => {
    // Each takes most of what one may: the third is over what all may.
    const dear = '[1,2,3,4,5,6,7].all(x, object.list.all(y, object.list.all(z, x + y + z < 1000)))';
    assert.deepEqual(await evaluate([dear]), MATCH);
    const many = [dear, dear, dear, dear, dear, dear];
    assert.deepEqual(await evaluate(many), {
      kind: 'error',
      message:
        'validation failed due to running out of cost budget, no further validation rules will be run',
    });
    assert.deepEqual(await evaluate(many, { failurePolicy: 'Ignore' }), { kind: 'excluded' });
  });

  it('of policies see parameters', async () => {
    assert.deepEqual(await evaluate(['params.a == 1'], { params: { a: 1 } }), MATCH);
    assert.equal((await evaluate(['params.a == 1'])).kind, 'error');
  });
});

describe('the authorizer of expressions', () => {
  const asked: AuthorizationAttributes[] = [];
  const may =
    (verbs: readonly string[], wrap: (decision: Decision) => ReturnType<Ask> = (one) => one): Ask =>
    (attributes) => {
      asked.push(attributes);
      return wrap({ outcome: verbs.includes(attributes.verb) ? 'allow' : 'none', reason: 'why' });
    };
  const check = (verb: string) =>
    `authorizer.group('g').resource('r').subresource('s').namespace('n').name('m').check('${verb}')`;

  it('asks the server', async () => {
    asked.length = 0;
    const ask = may(['get']);
    assert.deepEqual(await evaluate([`${check('get')}.allowed()`], { ask }), MATCH);
    assert.deepEqual(await evaluate([`!${check('list')}.allowed()`], { ask }), MATCH);
    const { user: _, ...attributes } = asked[0] as AuthorizationAttributes;
    assert.deepEqual(attributes, {
      path: '',
      group: 'g',
      resource: 'r',
      subresource: 's',
      namespace: 'n',
      name: 'm',
      verb: 'get',
      isResourceRequest: true,
      version: '*',
    });
    const path = "authorizer.path('/healthz').check('get').reason() == 'why'";
    assert.deepEqual(await evaluate([path], { ask }), MATCH);
    assert.deepEqual([asked[2]?.isResourceRequest, asked[2]?.path], [false, '/healthz']);
    const own = "authorizer.requestResource.check('get').allowed()";
    assert.deepEqual(await evaluate([own], { ask }), MATCH);
    assert.deepEqual([asked[3]?.resource, asked[3]?.name], ['pods', 'p']);
    const selecting =
      "authorizer.group('').resource('r').fieldSelector('a=b').check('get').allowed()";
    assert.deepEqual(await evaluate([selecting], { ask }), MATCH);
    assert.deepEqual(asked[4]?.fields, [{ field: 'a', equal: true, value: 'b' }]);
  });

  it('speaks for service accounts', async () => {
    asked.length = 0;
    const expression = "authorizer.serviceAccount('n', 'a').path('/x').check('get').allowed()";
    assert.deepEqual(await evaluate([expression], { ask: may(['get']) }), MATCH);
    assert.deepEqual(asked[0]?.user, {
      name: 'system:serviceaccount:n:a',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:n'],
    });
  });

  it('waits for one that asks somebody else, and asks each question once', async () => {
    asked.length = 0;
    const ask = may(['get'], (decision) => Promise.resolve(decision));
    const both = `${check('get')}.allowed() && !${check('list')}.allowed()`;
    assert.deepEqual(await evaluate([both, `${check('get')}.allowed()`], { ask }), MATCH);
    assert.deepEqual(
      asked.map(({ verb }) => verb),
      ['get', 'list'],
    );
  });

  it('tells of one that fails', async () => {
    const ask: Ask = () => Promise.reject(new Error('nobody is there'));
    const expression = `${check('get')}.errored() && ${check('get')}.error().contains('nobody')`;
    assert.deepEqual(await evaluate([expression], { ask }), MATCH);
  });
});
