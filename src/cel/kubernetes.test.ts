/** The environments of Kubernetes: what each version has, and what is said of what it has not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BOOL, DYN, STRING } from './check/type.ts';
import {
  celEnvironment,
  MATCH_CONDITIONS_COST_BUDGET,
  NEW_EXPRESSIONS_MINOR,
  PER_CALL_COST_LIMIT,
  RUNTIME_COST_BUDGET,
} from './kubernetes.ts';
import { run, withVariables } from './test-kit.ts';
import { jsonValue } from './value/json.ts';
import { LazyMap } from './value/lazy-map.ts';
import { CelError, type Value } from './value/value.ts';

/** Expressions by the version of Kubernetes that first compiles them. */
const SINCE: Readonly<Record<string, number>> = {
  "[1, 2].sum() == 3 && 'a'.find('a') == 'a' && isURL('/')": 0,
  "'A'.lowerAscii() == 'a'": 0,
  'dyn(1) == 1.0 && 1 < 2.0': 28,
  "{'a': 1}.?a.hasValue()": 28,
  "isQuantity('1')": 28,
  "'%d'.format([1]) == '1'": 29,
  'sets.contains([1], [1])': 29,
  "isIP('::1') && isCIDR('::/0')": 30,
  "format.uuid().validate('').hasValue()": 31,
  '[1].all(i, v, i < v)': 32,
  "isSemver('1.0.0')": 33,
  '[2, 1].sort() == [1, 2]': 34,
};

describe('the environments of Kubernetes', () => {
  for (const [expression, since] of Object.entries(SINCE)) {
    it(`${expression} since 1.${since}`, () => {
      assert.equal(run(expression), true);
      assert.equal(run(expression, { environment: celEnvironment({ minor: since }) }), true);
      if (since === 0) return;
      const answer = run(expression, { environment: celEnvironment({ minor: since - 1 }) });
      assert.match(String(answer), /^compile: ERROR: /);
    });
  }

  it('limits costs as upstream, and lets new expressions use what 1.35 has', () => {
    const limits = [PER_CALL_COST_LIMIT, RUNTIME_COST_BUDGET, MATCH_CONDITIONS_COST_BUDGET];
    assert.deepEqual(limits, [1_000_000, 10_000_000, 2_500_000]);
    const environment = celEnvironment({ minor: NEW_EXPRESSIONS_MINOR });
    assert.equal(run('lists.range(2) == [0, 1]', { environment }), true);
  });

  it('has cel.bind and jsonpatch only where they are asked for', () => {
    const bind = 'cel.bind(a, 1, a + a)';
    const escape = "jsonpatch.escapeKey('a/b~c')";
    assert.match(String(run(bind)), /undeclared reference to 'cel'/);
    assert.match(
      String(run(escape)),
      /undeclared reference to 'escapeKey'|undeclared reference to 'jsonpatch'/,
    );
    assert.equal(run(bind, { environment: celEnvironment({ hasBindings: true }) }), 2);
    assert.equal(run(escape, { environment: celEnvironment({ hasJsonPatch: true }) }), 'a~1b~0c');
  });

  it('shows where an expression is wrong', () => {
    const compiled = celEnvironment().compile("'a' +\n  1 + x");
    assert.deepEqual(compiled, {
      kind: 'compilation',
      message: [
        "ERROR: <input>:1:5: found no matching overload for '_+_' applied to '(string, int)'",
        " | 'a' +",
        ' | ....^',
        "ERROR: <input>:2:7: undeclared reference to 'x' (in container '')",
        ' |   1 + x',
        ' | ......^',
      ].join('\n'),
    });
  });

  it('refuses literals that nothing can read', () => {
    const refusals = {
      "duration('1y')": 'invalid duration argument',
      "timestamp('yesterday')": 'invalid timestamp argument',
      "'a'.matches('(')": 'invalid matches argument',
    };
    for (const [expression, message] of Object.entries(refusals)) {
      assert.match(
        String(run(expression)),
        new RegExp(`^compile: ERROR: <input>:1:\\d+: ${message}$`),
      );
    }
    assert.deepEqual(celEnvironment().compile("'a'.find(')')"), {
      kind: 'instantiation',
      message: 'error parsing regexp: unexpected ): `)`',
    });
    assert.deepEqual(celEnvironment().compile("int('x') == 1"), {
      kind: 'instantiation',
      message: "type conversion error from 'string' to 'int'",
    });
  });

  it('tells of a result of another type', () => {
    const environment = celEnvironment();
    assert.deepEqual(environment.compile('1', { expectedTypes: [BOOL] }), {
      kind: 'type',
      message: 'must evaluate to bool',
    });
    assert.ok('program' in environment.compile("'x'", { expectedTypes: [BOOL, STRING] }));
  });

  it('reads plain JSON without a schema', () => {
    const object = jsonValue({ a: [1, 2.5, null, 'x'], b: { c: true } });
    const options = { environment: withVariables({ object: DYN }), variables: { object } };
    assert.equal(
      run('object.a[0] == 1 && object.a[1] == 2.5 && object.a[2] == null', options),
      true,
    );
    assert.equal(run('object.b.c && !has(object.d) && object.a.size() == 4', options), true);
    assert.equal(run('object.d.e', options), 'error: no such key: d');
    assert.equal(run('object.a[9]', options), 'error: index out of bounds: 9');
    assert.equal(run('object.d || object.b.c', options), true);
    assert.equal(run('object.a.x', options), "error: unsupported index type 'string' in list");
    assert.equal(run("object.a + 'x'", options), 'error: no such overload');
  });

  it('computes what a lazy map holds once, and only when it is asked for', () => {
    const variables = new LazyMap();
    let count = 0;
    const once = (): Value => {
      count += 1;
      return 20n;
    };
    variables.add('a', once);
    variables.add('b', () => new CelError('never asked for'));
    const options = { environment: withVariables({ variables: DYN }), variables: { variables } };
    assert.equal(run('variables.a + variables.a', options), 40);
    assert.equal(count, 1);
  });

  it('knows which variables an expression reads', () => {
    const environment = withVariables({ a: DYN, b: DYN, c: DYN });
    const compiled = environment.compile('a.x == 1 && [1].exists(b, b == 1) && c');
    assert.ok('program' in compiled);
    assert.deepEqual(compiled.variableNames, ['a', 'c']);
    const { value } = compiled.program.evaluate({ a: jsonValue({ x: 1 }) });
    assert.ok(value instanceof CelError);
    assert.equal(value.message, 'no such attribute(s): c');
  });
});
