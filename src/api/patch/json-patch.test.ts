import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../meta/object.ts';
import {
  applyJsonPatch,
  COPY_BYTES_MAX,
  JsonPatchError,
  type JsonPatchOperation,
  OPERATIONS_MAX,
  parseJsonPatch,
} from './json-patch.ts';

function patched(original: Json, ...operations: JsonPatchOperation[]): Json {
  return applyJsonPatch(original, parseJsonPatch(operations));
}

function refused(code: number, message: RegExp, run: () => unknown): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof JsonPatchError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

/** Examples of RFC 6902, appendix A, and what the server adds to them. */
const CASES: readonly [claim: string, original: Json, patch: JsonPatchOperation[], want: Json][] = [
  [
    'adds a member (A.1)',
    { foo: 'bar' },
    [{ op: 'add', path: '/baz', value: 'qux' }],
    { foo: 'bar', baz: 'qux' },
  ],
  [
    'adds an element (A.2)',
    { foo: ['a', 'b'] },
    [{ op: 'add', path: '/foo/1', value: 'x' }],
    { foo: ['a', 'x', 'b'] },
  ],
  ['removes a member (A.3)', { baz: 1, foo: 2 }, [{ op: 'remove', path: '/baz' }], { foo: 2 }],
  [
    'removes an element (A.4)',
    { foo: ['a', 'b', 'c'] },
    [{ op: 'remove', path: '/foo/1' }],
    { foo: ['a', 'c'] },
  ],
  [
    'replaces a value (A.5)',
    { baz: 1 },
    [{ op: 'replace', path: '/baz', value: 'boo' }],
    { baz: 'boo' },
  ],
  [
    'moves a value (A.6)',
    { foo: { bar: 1, waldo: 'fred' }, qux: {} },
    [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    { foo: { bar: 1 }, qux: { thud: 'fred' } },
  ],
  [
    'moves an element (A.7)',
    { foo: [1, 2, 3] },
    [{ op: 'move', from: '/foo/0', path: '/foo/2' }],
    { foo: [2, 3, 1] },
  ],
  [
    'tests values (A.8)',
    { a: ['x', { b: 1 }] },
    [{ op: 'test', path: '/a/1', value: { b: 1 } }],
    { a: ['x', { b: 1 }] },
  ],
  [
    'adds a nested object (A.10)',
    { foo: 1 },
    [{ op: 'add', path: '/child', value: { a: {} } }],
    { foo: 1, child: { a: {} } },
  ],
  [
    'reads escapes (A.14)',
    { '/': 9, '~1': 10 },
    [{ op: 'test', path: '/~01', value: 10 }],
    { '/': 9, '~1': 10 },
  ],
  [
    'appends with - (A.16)',
    { foo: ['bar'] },
    [{ op: 'add', path: '/foo/-', value: ['x'] }],
    { foo: ['bar', ['x']] },
  ],
  [
    'copies',
    { a: { b: 1 } },
    [{ op: 'copy', from: '/a', path: '/c' }],
    { a: { b: 1 }, c: { b: 1 } },
  ],
  ['adds over an existing member', { a: 1 }, [{ op: 'add', path: '/a', value: 2 }], { a: 2 }],
  [
    'counts negative indices from the end',
    { a: [1, 2] },
    [{ op: 'replace', path: '/a/-1', value: 3 }],
    { a: [1, 3] },
  ],
  ['adds null for a missing value', {}, [{ op: 'add', path: '/a' }], { a: null }],
  ['takes a missing member for null in a test', {}, [{ op: 'test', path: '/a', value: null }], {}],
  ['reads an empty key', { '': 1 }, [{ op: 'replace', path: '/', value: 2 }], { '': 2 }],
];

describe('JSON Patch', () => {
  for (const [claim, original, patch, want] of CASES) {
    test(claim, () => {
      const before = structuredClone(original);
      assert.deepEqual(patched(original, ...patch), want);
      assert.deepEqual(original, before, 'the original is as it was');
    });
  }

  test('a copy is not changed with what it was copied from', () => {
    const result = patched(
      { a: { b: 1 } },
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'replace', path: '/c/b', value: 2 },
      { op: 'add', path: '/a/d', value: 3 },
    );
    assert.deepEqual(result, { a: { b: 1, d: 3 }, c: { b: 2 } });
  });

  test('a value of the patch is not changed by a later operation', () => {
    const operations = parseJsonPatch([
      { op: 'add', path: '/a', value: { b: 1 } },
      { op: 'add', path: '/a/c', value: 2 },
    ]);
    assert.deepEqual(applyJsonPatch({}, operations), { a: { b: 1, c: 2 } });
    assert.deepEqual(applyJsonPatch({}, operations), { a: { b: 1, c: 2 } });
    assert.deepEqual(operations[0]?.value, { b: 1 });
  });

  const FAILURES: readonly [claim: string, operation: JsonPatchOperation, message: RegExp][] = [
    [
      'a parent that is missing',
      { op: 'add', path: '/x/y', value: 1 },
      /add operation does not apply: doc is missing path: "\/x\/y"/,
    ],
    ['a parent that is a scalar', { op: 'add', path: '/n/y', value: 1 }, /doc is missing path/],
    [
      'removing what is missing',
      { op: 'remove', path: '/x' },
      /Unable to remove nonexistent key: x/,
    ],
    [
      'an index past the end',
      { op: 'add', path: '/list/3', value: 1 },
      /Unable to access invalid index: 3/,
    ],
    [
      'an index that is no number',
      { op: 'remove', path: '/list/x' },
      /Unable to access invalid index: x/,
    ],
    [
      'a test that fails',
      { op: 'test', path: '/n', value: 2 },
      /testing value \/n failed: test failed/,
    ],
    ['moving what is missing', { op: 'move', from: '/x', path: '/y' }, /nonexistent key/],
    [
      'copying what is missing',
      { op: 'copy', from: '/x', path: '/y' },
      /error in copy for from: '\/x'/,
    ],
    [
      'a whole document that is no object',
      { op: 'replace', path: '', value: 1 },
      /replace operation value must be object or array/,
    ],
    ['a pointer without its slash', { op: 'add', path: 'a', value: 1 }, /doc is missing path: "a"/],
  ];
  test('replaces what is missing in an object, and the whole', () => {
    assert.deepEqual(patched({ n: 1 }, { op: 'replace', path: '/x', value: 2 }), { n: 1, x: 2 });
    assert.deepEqual(patched({ n: 1 }, { op: 'replace', path: '', value: { a: 1 } }), { a: 1 });
  });

  for (const [claim, operation, message] of FAILURES) {
    test(`${claim} is refused with 422`, () => {
      refused(422, message, () => patched({ n: 1, list: [1, 2] }, operation));
    });
  }

  test('what is no patch is refused with 400, too many operations with 413', () => {
    refused(400, /cannot unmarshal object into Go value of type \[\]handlers.jsonPatchOp/, () =>
      parseJsonPatch({}),
    );
    refused(400, /must be an object/, () => parseJsonPatch([1]));
    refused(422, /Unexpected kind: frob/, () => parseJsonPatch([{ op: 'frob', path: '/a' }]));
    refused(422, /failed to decode path/, () => parseJsonPatch([{ op: 'add' }]));
    const operation = { op: 'add', path: '/a', value: 1 };
    assert.equal(
      parseJsonPatch(Array.from({ length: OPERATIONS_MAX }, () => operation)).length,
      OPERATIONS_MAX,
    );
    const tooMany = Array.from({ length: OPERATIONS_MAX + 1 }, () => operation);
    refused(413, /allowed maximum operations in a JSON patch is 10000, got 10001/, () =>
      parseJsonPatch(tooMany),
    );
  });

  test('copies may not grow the object without end', () => {
    const original = { a: 'x'.repeat(COPY_BYTES_MAX / 2) };
    assert.ok(patched(original, { op: 'copy', from: '/a', path: '/b' }));
    refused(422, /accumulated size increase of copy/, () =>
      patched(
        original,
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'copy', from: '/a', path: '/c' },
      ),
    );
  });

  test('no path reaches a prototype', () => {
    const result = patched(
      {},
      { op: 'add', path: '/__proto__', value: { polluted: true } },
    ) as JsonObject;
    assert.deepEqual(Object.keys(result), ['__proto__']);
    assert.equal(({} as JsonObject)['polluted'], undefined);
    refused(422, /missing path/, () =>
      patched({}, { op: 'add', path: '/constructor/prototype', value: 1 }),
    );
    refused(422, /missing path/, () =>
      patched({}, { op: 'add', path: '/__proto__/polluted', value: 1 }),
    );
    refused(422, /failed: test failed/, () =>
      patched({}, { op: 'test', path: '/toString', value: 1 }),
    );
  });

  test('adding and then removing a member gives the original back', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.jsonValue(),
        (object, key, value) => {
          fc.pre(!Object.hasOwn(object, key));
          const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
          const original = JSON.parse(JSON.stringify(object)) as JsonObject;
          const back = patched(
            original,
            { op: 'add', path, value: value as Json },
            { op: 'remove', path },
          );
          assert.equal(JSON.stringify(back), JSON.stringify(original));
        },
      ),
    );
  });
});
