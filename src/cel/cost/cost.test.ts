/**
 * What expressions cost, estimated and when they run.
 *
 * Source of the figures: the constants of cel-go common/cost.go v0.26 and the rules of Kubernetes
 * v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/cost.go, added up by hand.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DYN, listType, STRING } from '../check/type.ts';
import { Environment } from '../environment.ts';
import { CelEnvironment, kubernetesOptions } from '../kubernetes.ts';
import { declare, typesOf } from '../schema/declared-type.ts';
import type { CelSchema } from '../schema/schema.ts';
import { sizesBy } from '../schema/sizes.ts';
import { jsonValue } from '../value/json.ts';
import { UNBOUNDED } from './bounds.ts';

/** Constants cost what they cost when nothing is made beforehand. */
const ENVIRONMENT = new CelEnvironment(
  new Environment({ ...kubernetesOptions({ hasBindings: true }), isOptimized: false }),
);

type Row = readonly [expression: string, min: number, max: number, actual: number];

const ROWS: readonly Row[] = [
  ['1', 0, 0, 0],
  ['1 + 2', 1, 1, 1],
  ['[1, 2]', 10, 10, 10],
  ["{'a': 1}", 30, 30, 30],
  ['true && false', 0, 0, 0],
  ["'abc' == 'abcd'", 1, 1, 1],
  ["'abcdefghijk' + 'abcdefghijk'", 3, 3, 3],
  ["'abcdefghijk'.contains('ab')", 2, 2, 2],
  ["'abcdefghijk'.matches('^abc$')", 4, 4, 4],
  ['[1, 2, 3].all(x, x > 0)', 20, 26, 26],
  ['[1, 2, 3].exists(x, x > 2)', 23, 29, 29],
  ['[1, 2].map(x, x * 2)', 49, 49, 49],
  ['[1, 2].filter(x, x > 1)', 27, 51, 38],
  ["cel.bind(x, 'abc', x + x)", 13, 13, 13],
  ['[1, 2, 3].sum()', 13, 13, 13],
  ['sets.contains([1, 2], [1])', 23, 23, 23],
  ['[3, 1, 2].sort()', 39, 39, 39],
  ["'a,b'.split(',')", 1, 1, 1],
  ["quantity('1Gi').isGreaterThan(quantity('1Mi'))", 3, 3, 3],
  ["ip('10.0.0.1').isLoopback()", 2, 2, 2],
  ["cidr('10.0.0.0/8').containsIP('10.0.0.1')", 3, 6, 3],
  ["url('https://example.com').getHost()", 3, 3, 3],
  ["{'a': 1}.a == 1", 32, 32, 33],
  ['{}.?a.hasValue()', 32, 32, 32],
];

const SCHEMA: CelSchema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', maxLength: 10 },
    mode: { type: 'string', enum: ['on', 'longer'] },
    count: { type: 'integer' },
    tags: { type: 'array', maxItems: 5, items: { type: 'string', maxLength: 25 } },
    open: { type: 'array', items: { type: 'string' } },
    labels: {
      type: 'object',
      maxProperties: 4,
      additionalProperties: { type: 'string', maxLength: 100 },
    },
  },
};

function estimateOf(expression: string): unknown {
  const declared = declare(SCHEMA, 'self', false);
  assert.ok(declared);
  const provider = typesOf([declared]);
  const environment = ENVIRONMENT.extend({ variables: { self: declared.type }, provider });
  const compiled = environment.compile(expression);
  assert.ok(!('message' in compiled), JSON.stringify(compiled));
  return compiled.estimate(sizesBy(declared));
}

describe('the cost of expressions', () => {
  for (const [expression, min, max, actual] of ROWS) {
    it(`${expression}`, () => {
      const compiled = ENVIRONMENT.compile(expression);
      assert.ok(!('message' in compiled), JSON.stringify(compiled));
      const estimate = compiled.estimate(() => undefined);
      const { cost } = compiled.program.evaluate({});
      assert.deepEqual({ ...estimate, actual: cost }, { min, max, actual });
    });
  }

  const sized: Readonly<Record<string, unknown>> = {
    'self.count > 1': { min: 3, max: 3 },
    // Two names and two fields, then a tenth of at most 40 characters.
    'self.name == self.mode': { min: 5, max: 5 },
    "self.name.contains('ab')": { min: 2, max: 6 },
    // Each tag: 2 for the condition, 1 for the result so far, 3 for the test.
    'self.tags.all(t, t.size() > 3)': { min: 3, max: 33 },
    "self.tags.all(t, t == 'x')": { min: 3, max: 28 },
    "self.labels.all(k, self.labels[k] != '')": { min: 3, max: 31 },
    'has(self.name)': { min: 1, max: 1 },
  };
  for (const [expression, bounds] of Object.entries(sized)) {
    it(`${expression} by the sizes of its schema`, () => {
      assert.deepEqual(estimateOf(expression), bounds);
    });
  }

  it('is limited by the size of a request where the schema sets no limit', () => {
    const { max } = estimateOf("self.open.all(x, self.open.all(y, x != y || x == ''))") as {
      max: number;
    };
    assert.ok(max > 1e12 && max < UNBOUNDED);
  });

  it('has no limit where nothing is known', () => {
    const environment = ENVIRONMENT.extend({ variables: { x: listType(STRING) } });
    const compiled = environment.compile("x.all(y, y == 'a')");
    assert.ok(!('message' in compiled));
    assert.equal(compiled.estimate(() => undefined).max, UNBOUNDED);
  });
});

describe('the budget of a run', () => {
  const environment = new CelEnvironment(
    new Environment(kubernetesOptions({ variables: { x: DYN } })),
  );
  const compiled = environment.compile('x.all(a, x.all(b, a == a && b == b))');
  assert.ok(!('message' in compiled));
  const list = jsonValue(Array.from({ length: 1000 }, (_, index) => index));

  it('ends what costs more than one call may', () => {
    const { value, isOverBudget, cost } = compiled.program.evaluate({ x: list });
    assert.equal(isOverBudget, true);
    assert.ok(cost > 1_000_000 && cost < 1_000_100);
    assert.deepEqual(
      { ...(value as object) },
      { message: 'operation cancelled: actual cost limit exceeded' },
    );
  });

  it('ends what costs more than is left of a budget', () => {
    const few = jsonValue([1, 2, 3]);
    assert.equal(compiled.program.evaluate({ x: few }).isOverBudget, false);
    assert.equal(compiled.program.evaluate({ x: few }, { costBudget: 20 }).isOverBudget, true);
  });

  it('is not absorbed by what absorbs errors', () => {
    const absorbing = environment.compile('x.all(a, x.all(b, a == b)) || true');
    assert.ok(!('message' in absorbing));
    assert.equal(absorbing.program.evaluate({ x: list }, { costBudget: 20 }).isOverBudget, true);
  });
});
