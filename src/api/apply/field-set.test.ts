import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../meta/object.ts';
import {
  difference,
  type FieldSet,
  FieldSetBuilder,
  hasPath,
  intersection,
  parseFieldSet,
  pathsOf,
  pathText,
  recursiveDifference,
  union,
} from './field-set.ts';
import { compareElements, elementText, keyElement } from './path-element.ts';

const setOf = (...paths: string[][]): FieldSet => {
  const builder = new FieldSetBuilder();
  for (const path of paths) builder.add(path);
  return builder.toSet();
};

describe('field sets as JSON', () => {
  test('what is canonical is read and written back byte for byte', () => {
    const text =
      '{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\\"name\\":\\"a\\"}":{".":{},"f:ports":{".":{},"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{}},"k:{\\"containerPort\\":443,\\"protocol\\":\\"TCP\\"}":{".":{}}}}},"f:finalizers":{"v:\\"x\\"":{}},"f:list":{"i:0":{},"i:10":{}}}}';
    const canonical = text
      .replace('{".":{}}}}}},"f:fin', '{}}}}},"f:fin')
      .replace(':{".":{}}}}', ':{}}}');
    const set = parseFieldSet(JSON.parse(text) as Json);
    assert.equal(JSON.stringify(set), JSON.stringify(parseFieldSet(JSON.parse(canonical) as Json)));
    assert.equal(
      JSON.stringify(parseFieldSet(JSON.parse(JSON.stringify(set)) as Json)),
      JSON.stringify(set),
    );
  });

  test('members are put in order: fields, keys by value, values, indices', () => {
    const set = parseFieldSet({
      'i:10': {},
      'i:9': {},
      'v:"a"': {},
      'v:2': {},
      'k:{"port":443}': {},
      'k:{"port":80}': {},
      'k:{"name":"x","a":1}': {},
      'f:z': {},
      'f:a': {},
      '.': {},
    });
    assert.deepEqual(Object.keys(set), [
      '.',
      'f:a',
      'f:z',
      'k:{"a":1,"name":"x"}',
      'k:{"port":80}',
      'k:{"port":443}',
      'v:2',
      'v:"a"',
      'i:9',
      'i:10',
    ]);
  });

  test('elements of a kind that is not known are dropped; what is no element is refused', () => {
    assert.deepEqual(parseFieldSet({ 'x:new': { 'f:a': {} }, 'f:b': {} }), { 'f:b': {} });
    for (const key of ['a', 'name', '__proto__', 'k:x', 'k:[1]', 'v:', 'i:x']) {
      assert.throws(
        () => parseFieldSet(JSON.parse(`{${JSON.stringify(key)}:{}}`) as Json),
        SyntaxError,
        key,
      );
    }
    assert.throws(() => parseFieldSet({ 'f:a': 1 }), SyntaxError);
    assert.throws(() => parseFieldSet([]), SyntaxError);
  });

  test('keys are written as Go writes JSON', () => {
    assert.equal(keyElement([['a', '<&>']]), 'k:{"a":"\\u003c\\u0026\\u003e"}');
  });

  test('paths are shown as conflicts show them', () => {
    const path = ['f:spec', 'f:containers', 'k:{"name":"a","port":80}', 'f:args', 'v:"x"', 'i:3'];
    assert.equal(pathText(path), '.spec.containers[name="a",port=80].args[="x"][3]');
    assert.equal(elementText('v:true'), '[=true]');
  });

  test('a parent and its children are different paths', () => {
    const both = setOf(['f:a'], ['f:a', 'f:b']);
    assert.deepEqual(both, { 'f:a': { '.': {}, 'f:b': {} } });
    assert.deepEqual(difference(both, setOf(['f:a'])), { 'f:a': { 'f:b': {} } });
    assert.deepEqual(difference(both, setOf(['f:a', 'f:b'])), { 'f:a': {} });
    assert.deepEqual(recursiveDifference(both, setOf(['f:a'])), {});
    assert.deepEqual(recursiveDifference(both, setOf(['f:a', 'f:b'])), { 'f:a': {} });
    assert.equal(hasPath(both, ['f:a']), true);
    assert.equal(hasPath(setOf(['f:a', 'f:b']), ['f:a']), false);
  });
});

describe('field sets as sets', () => {
  const element = fc.constantFrom(
    'f:a',
    'f:b',
    'f:10',
    'k:{"n":1}',
    'k:{"n":"1"}',
    'v:1',
    'v:"x"',
    'i:0',
    'i:11',
  );
  const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 12 });
  const keys = (list: string[][]): Set<string> => new Set(list.map((path) => path.join('/')));
  const model = (set: FieldSet): Set<string> => keys(pathsOf(set));

  test('union, difference and intersection are those of sets of paths', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const a = setOf(...left);
        const b = setOf(...right);
        const frozen = JSON.stringify([a, b]);
        assert.deepEqual(model(a), keys(left));
        assert.deepEqual(model(union(a, b)), keys(left).union(keys(right)));
        assert.deepEqual(model(difference(a, b)), keys(left).difference(keys(right)));
        assert.deepEqual(model(intersection(a, b)), keys(left).intersection(keys(right)));
        const kept = left.filter(
          (path) => !path.some((_, depth) => keys(right).has(path.slice(0, depth + 1).join('/'))),
        );
        assert.deepEqual(model(recursiveDifference(a, b)), keys(kept));
        assert.equal(JSON.stringify([a, b]), frozen, 'nothing is changed in place');
      }),
    );
  });

  test('every result is in order and survives being written and read', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const set = union(setOf(...left), setOf(...right));
        assert.equal(
          JSON.stringify(parseFieldSet(JSON.parse(JSON.stringify(set)) as Json)),
          JSON.stringify(set),
        );
      }),
    );
  });

  test('the order of elements is total', () => {
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        assert.equal(Math.sign(compareElements(a, b)), -Math.sign(compareElements(b, a)) || 0);
        if (compareElements(a, b) <= 0 && compareElements(b, c) <= 0)
          assert.ok(compareElements(a, c) <= 0);
        assert.equal(compareElements(a, b) === 0, a === b);
      }),
    );
  });
});
