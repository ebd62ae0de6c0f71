import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonPath } from './json-path.ts';
import type { Json } from './object.ts';

const POD: Json = {
  metadata: { name: 'a', labels: { 'x.y/z': 'v' } },
  items: [{ n: 1 }, { n: 2 }, { n: 3 }],
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Old', status: 'False', age: 3 },
    ],
  },
  empty: null,
};

describe('JsonPath', () => {
  const rows: readonly [string, string][] = [
    ['{.metadata.name}', 'a'],
    ['{$.metadata.name}', 'a'],
    ['name: {.metadata.name}!', 'name: a!'],
    ["{.metadata.labels['x\\.y/z']}", 'v'],
    ['{.metadata.labels.x\\.y/z}', 'v'],
    ['{.items[0].n}', '1'],
    ['{.items[-1].n}', '3'],
    ['{.items[0:2].n}', '1 2'],
    ['{.items[::2].n}', '1 3'],
    ['{.items[*].n}', '1 2 3'],
    ['{.items[0,2].n}', '1 3'],
    ["{['metadata','empty']}", '{"name":"a","labels":{"x.y/z":"v"}} null'],
    ['{.status.conditions[?(@.type=="Ready")].status}', 'True'],
    ["{.status.conditions[?(@.type!='Ready')].type}", 'Old'],
    ['{.status.conditions[?(@.age)].type}', 'Old'],
    ['{.items[?(@.n>=2)].n}', '2 3'],
    ['{..n}', '1 2 3'],
    ['{.metadata.*}', 'a {"x.y/z":"v"}'],
    ['{range .items[*]}<{.n}>{end};', '<1><2><3>;'],
    ['{"x\\ty"}', 'x\ty'],
    ['{.missing.deeper}', ''],
    ['{.items}', '[{"n":1},{"n":2},{"n":3}]'],
  ];
  for (const [template, text] of rows) {
    it(`evaluates ${template}`, () => {
      assert.equal(new JsonPath(template, { allowMissing: true }).print(POD), text);
    });
  }

  it('says what is not there, when it may not be missing', () => {
    const path = new JsonPath('{.missing}', { allowMissing: false });
    assert.throws(() => path.find(POD), /missing is not found/);
  });

  const errors: readonly [string, RegExp][] = [
    ['{.a', /unclosed action/],
    ['{.a[x]}', /invalid array index x/],
    ['{.a[0}', /unterminated array/],
    ['{....a}', /invalid multiple recursive descent/],
    ['{.a[?(@.b]}', /unterminated filter/],
    ['{#}', /unrecognized character in action: U\+0023 '#'/],
  ];
  for (const [template, message] of errors) {
    it(`refuses ${template}`, () => {
      assert.throws(() => new JsonPath(template, { allowMissing: true }).find(POD), message);
    });
  }

  it('refuses indexes beyond the list', () => {
    const path = new JsonPath('{.items[5]}', { allowMissing: true });
    assert.throws(() => path.find(POD), /array index out of bounds: index 5, length 3/);
  });
});
