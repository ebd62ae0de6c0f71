import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps, ValidationRule } from '#api/gen/apiextensions-v1.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { CEL_RULES } from './cel-rules.ts';
import { compileSchema } from './compile-schema.ts';
import { correlate } from './correlation.ts';
import { RULE_BUDGET } from './rule-engine.ts';

const KNOWN = { rules: new Set<string>(), messageExpressions: new Set<string>() };

function withRules(
  properties: Record<string, JSONSchemaProps>,
  ...rules: (string | ValidationRule)[]
): JSONSchemaProps {
  return {
    type: 'object',
    properties,
    'x-kubernetes-validations': rules.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
  };
}

const spec = (schema: JSONSchemaProps) =>
  compileSchema({ type: 'object', properties: { spec: schema } });

interface Run {
  readonly old?: Json;
  readonly budget?: number;
}

function run(schema: JSONSchemaProps, value: Json, { old, budget = RULE_BUDGET }: Run = {}) {
  const structural = spec(schema);
  const [next, before] = [{ spec: value }, { spec: old ?? null }];
  const update =
    old === undefined ? {} : { old: before, correlation: correlate(next, before, structural) };
  return CEL_RULES.validate(next, structural, { ...update, budget, isResourceRoot: true });
}

const texts = (schema: JSONSchemaProps, value: Json, more: Run = {}): string[] =>
  run(schema, value, more).errors.map((error) => error.text());

const INT = { type: 'integer' };
const STRING = { type: 'string' };

describe('rules of a schema', () => {
  const MIN_MAX = withRules({ min: INT, max: INT }, 'self.min <= self.max');

  it('let through what keeps them and refuse what does not', () => {
    assert.deepEqual(texts(MIN_MAX, { min: 1, max: 2 }), []);
    assert.deepEqual(texts(MIN_MAX, { min: 3, max: 2 }), [
      'spec: Invalid value: failed rule: self.min <= self.max',
    ]);
  });

  it('say what went wrong when they cannot be told', () => {
    assert.deepEqual(texts(MIN_MAX, { min: 3 }), [
      'spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max',
    ]);
  });

  it('have messages, places and reasons of their own', () => {
    const rule: ValidationRule = {
      rule: 'self.a == "x"',
      message: ' must be x ',
      fieldPath: '.a',
      reason: 'FieldValueForbidden',
    };
    assert.deepEqual(texts(withRules({ a: STRING }, rule), { a: 'y' }), [
      'spec.a: Forbidden: must be x',
    ]);
    const spoken = { rule: 'self.n < 3', messageExpression: '"n is " + string(self.n)' };
    assert.deepEqual(texts(withRules({ n: INT }, spoken), { n: 4 }), [
      'spec: Invalid value: n is 4',
    ]);
    const silent = { ...spoken, messageExpression: 'self.m', message: 'fallback' };
    assert.deepEqual(texts(withRules({ n: INT, m: STRING }, silent), { n: 4 }), [
      'spec: Invalid value: fallback',
    ]);
  });

  it('are run on items, on members and within allOf', () => {
    const item = { ...INT, 'x-kubernetes-validations': [{ rule: 'self > 0' }] };
    const list = { type: 'object', properties: { l: { type: 'array', items: item } } };
    assert.deepEqual(texts(list, { l: [1, 0] }), [
      'spec.l[1]: Invalid value: 0: failed rule: self > 0',
    ]);
    const map = {
      type: 'object',
      properties: { m: { type: 'object', additionalProperties: item } },
    };
    assert.deepEqual(texts(map, { m: { a: 1, b: -1 } }), [
      'spec.m[b]: Invalid value: -1: failed rule: self > 0',
    ]);
    const all = {
      type: 'object',
      properties: { n: INT },
      allOf: [{ properties: { n: { 'x-kubernetes-validations': [{ rule: 'self > 0' }] } } }],
    };
    assert.deepEqual(texts(all, { n: 0 }), ['spec.n: Invalid value: 0: failed rule: self > 0']);
  });

  it('see dates, durations, sets and names that need escaping', () => {
    const schema = withRules(
      {
        'a.b': INT,
        at: { ...STRING, format: 'date-time' },
        wait: { ...STRING, format: 'duration' },
        set: { type: 'array', items: STRING, 'x-kubernetes-list-type': 'set' },
      },
      'self.a__dot__b == 1',
      'self.at < timestamp("2026-01-02T00:00:00Z")',
      'self.wait > duration("1m")',
      'self.set == ["b", "a"]',
    );
    const good = { 'a.b': 1, at: '2026-01-01T00:00:00Z', wait: '2m', set: ['a', 'b'] };
    assert.deepEqual(texts(schema, good), []);
    assert.equal(texts(schema, { ...good, 'a.b': 2, wait: '1s', set: ['a'] }).length, 3);
  });
});

describe('transition rules', () => {
  const GROWS = withRules({ n: INT }, 'self.n >= oldSelf.n');

  it('are run on updates alone', () => {
    assert.deepEqual(texts(GROWS, { n: 1 }), []);
    assert.deepEqual(texts(GROWS, { n: 1 }, { old: { n: 2 } }).length, 1);
    assert.deepEqual(texts(GROWS, { n: 1 }, { old: { n: 1 } }), []);
  });

  it('are run on creates too when the old value is optional', () => {
    const rule = { rule: 'oldSelf.hasValue() || self.n == 0', optionalOldSelf: true };
    const schema = withRules({ n: INT }, rule);
    assert.equal(texts(schema, { n: 1 }).length, 1);
    assert.deepEqual(texts(schema, { n: 1 }, { old: { n: 9 } }), []);
  });

  it('compare items of lists with keys by their keys', () => {
    const schema: JSONSchemaProps = {
      type: 'object',
      properties: {
        l: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: withRules({ k: STRING, v: INT }, 'self.v == oldSelf.v'),
        },
      },
    };
    const old = {
      l: [
        { k: 'a', v: 1 },
        { k: 'b', v: 2 },
      ],
    };
    assert.deepEqual(
      texts(
        schema,
        {
          l: [
            { k: 'b', v: 2 },
            { k: 'c', v: 3 },
          ],
        },
        { old },
      ),
      [],
    );
    assert.deepEqual(texts(schema, { l: [{ k: 'b', v: 3 }] }, { old }), [
      'spec.l[0]: Invalid value: failed rule: self.v == oldSelf.v',
    ]);
  });

  it('forgive what did not change, but not what did', () => {
    const schema = withRules({ a: withRules({ n: INT }, 'self.n < 5'), b: STRING });
    const old: JsonObject = { a: { n: 9 }, b: 'x' };
    assert.deepEqual(texts(schema, { a: { n: 9 }, b: 'y' }, { old }), []);
    assert.equal(texts(schema, { a: { n: 8 }, b: 'x' }, { old }).length, 1);
    const { forgiven } = run(schema, { a: { n: 9 }, b: 'y' }, { old });
    assert.deepEqual(
      forgiven.map((error) => error.text()),
      ['spec.a: Invalid value: failed rule: self.n < 5'],
    );
  });
});

describe('the budget of rules', () => {
  it('ends a run that costs too much', () => {
    const items = { type: 'array', items: STRING };
    const schema = withRules({ l: items }, 'self.l.all(x, self.l.all(y, x != y || x == y))');
    const l = Array.from({ length: 600 }, (_, i) => `item ${i}`);
    const { errors, remainingBudget } = run(schema, { l });
    assert.match(
      errors[0]?.text() ?? '',
      /actual cost limit exceeded': no further validation rules/,
    );
    assert.ok(remainingBudget < 0);
  });

  it('is shared by all rules', () => {
    const schema = withRules({ n: INT }, 'self.n > 0', 'self.n > 1');
    const { errors } = run(schema, { n: 5 }, { budget: 4 });
    assert.match(errors[0]?.text() ?? '', /validation failed due to running out of cost budget/);
  });
});

describe('compiling rules', () => {
  const compile = (schema: JSONSchemaProps) =>
    CEL_RULES.compile(compileSchema(schema), { isResourceRoot: false, known: KNOWN });
  const errorOf = (rule: string | ValidationRule): string | undefined => {
    const [compiled] = compile(withRules({ n: INT, s: STRING }, rule));
    return compiled?.error?.detail ?? compiled?.messageExpressionError;
  };

  it('finds what is wrong with them', () => {
    assert.match(
      errorOf('self.n ==') ?? '',
      /^compilation failed: ERROR: <input>:1:\d+: Syntax error/,
    );
    assert.match(errorOf('self.x == 1') ?? '', /undefined field 'x'/);
    assert.equal(errorOf('self.n'), 'cel expression must evaluate to a bool');
    assert.match(
      errorOf({ rule: 'true', messageExpression: 'x' }) ?? '',
      /^messageExpression compilation failed/,
    );
    assert.equal(
      errorOf({ rule: 'true', messageExpression: 'self.n' }),
      'messageExpression must evaluate to a string',
    );
    assert.equal(errorOf('self.s.matches("(")') === undefined, false);
  });

  it('tells what they cost, and whether they look back', () => {
    const [cheap, dear, back] = compile(
      withRules(
        { n: INT, l: { type: 'array', items: STRING } },
        'self.n > 0',
        'self.l.all(x, x.contains("a"))',
        'self.n > oldSelf.n',
      ),
    );
    assert.ok((cheap?.maxCost ?? 0) < 10 && (dear?.maxCost ?? 0) > 1_000_000);
    assert.deepEqual([cheap?.usesOldSelf, back?.usesOldSelf], [false, true]);
  });
});
