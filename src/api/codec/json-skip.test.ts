import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { typeByName } from '../schema/schema.ts';
import { decodeJson, FieldDecodeError } from './json.ts';
import { measureJson } from './json-scan.ts';
import { withoutUnknown } from './json-skip.ts';

const POD = typeByName('io.k8s.api.core.v1.Pod');
const CRD = typeByName(
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
);
/** Of many values, and worth taking out. */
const MANY = `[${'{},'.repeat(30_000)}{}]`;

function without(text: string, type = POD): { readonly text: string; readonly keys: number } {
  const bytes = Buffer.from(text);
  return withoutUnknown(bytes, type, measureJson(bytes));
}

describe('what a type does not know', () => {
  const rows: [claim: string, text: string, left: string][] = [
    ['at the top', `{"x": ${MANY} ,"kind":"Pod"}`, '{"x": 0 ,"kind":"Pod"}'],
    ['deeper', `{"spec":{"a":${MANY},"b":${MANY}}}`, '{"spec":{"a":0,"b":0}}'],
    [
      'in a list of objects',
      `{"spec":{"containers":[{"name":"a"},{"x":${MANY}}]}}`,
      '{"spec":{"containers":[{"name":"a"},{"x":0}]}}',
    ],
    [
      'as a value with everything in it',
      `{"x":{"a":[1,-0.5,1e9,2E-3,true,false,null,"\\"\\u00e9\\\\"],"b":${MANY}, "é":{ }, "c" : [ ]}}`,
      '{"x":0}',
    ],
  ];
  for (const [claim, text, left] of rows) {
    it(`is taken out ${claim}`, () => {
      assert.equal(without(text).text, left);
      assert.equal(without(text).keys, measureJson(Buffer.from(left)).keys);
    });
  }

  it('is taken out of a map of objects', () => {
    const text = (x: string): string =>
      `{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"properties":{"a":{"x":${x}}}}}}]}}`;
    assert.equal(without(text(MANY), CRD).text, text('0'));
  });

  it('stays where it is small, known, or below a type with a reader of its own', () => {
    for (const text of [
      '{"x":[1,2,3]}',
      `{"spec":{"containers":${MANY}}}`,
      `{"metadata":{"labels":{"x":${MANY}}}}`,
    ]) {
      assert.equal(without(text).text, text);
    }
    const items = `{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"items":{"x":${MANY}}}}}]}}`;
    assert.equal(without(items, CRD).text, items);
  });

  it('is reported as it is in a small text', () => {
    const text = `{"metadata":{"name":"a","name":"b"},"x":${MANY},"spec":{"y":{"a":1,"a":${MANY}}}}`;
    const { object, problems } = decodeJson(Buffer.from(text), POD, 'Strict');
    assert.deepEqual(problems, [
      'unknown field "x"',
      'unknown field "spec.y"',
      'duplicate field "metadata.name"',
    ]);
    assert.deepEqual(object['metadata'], { name: 'b' });
  });
});

describe('a text with an error in what its type does not know', () => {
  const numbers = ['01', '+1', '.5', '1.', '1e', '1e+', '--1', '-', '0x1', 'NaN'];
  const words = ['tru', 'nulL', 'truee', '\u00a0', '\ufeff1'];
  const texts = ['"\\x"', '"\\u12"', '"\\u12g4"', '"\n"', '"\u0001"', '"'];
  const objects = ['{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{,}', '{"a":1 "b":2}', '{"a":1'];
  const lists = ['[1,]', '[,]', '[1 2]', '[}', '['];
  const broken = [...numbers, ...words, ...texts, ...objects, ...lists];
  for (const value of broken) {
    it(`is refused as one of few values is: ${JSON.stringify(value)}`, () => {
      const problemOf = (text: string): string => {
        let message = '';
        assert.throws(
          () => decodeJson(Buffer.from(text), POD, 'Warn'),
          (error) => {
            assert.ok(error instanceof FieldDecodeError && error.malformed);
            ({ message } = error);
            return true;
          },
        );
        return message;
      };
      const text = (many: string): string => `{"kind":"Pod","x":[${many},${value}]}`;
      assert.equal(problemOf(text(MANY)), problemOf(text('1')));
    });
  }

  it('is JSON exactly where JSON.parse says so', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'a',
      '0',
      '1',
      '-',
      '.',
      'e',
      ' ',
      'null',
    ];
    const anything = fc.array(fc.constantFrom(...pieces), { maxLength: 8 });
    const padding = `"${'x'.repeat(2000)}"`;
    fc.assert(
      fc.property(anything, (parts) => {
        const value = `[${padding},${parts.join('')}]`;
        const isTakenOut = without(`{"x":${value}}`).text === '{"x":0}';
        assert.equal(isTakenOut, isJson(value));
      }),
      { numRuns: 3000, seed: 7 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
