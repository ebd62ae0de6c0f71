import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFieldSelector } from './field-selector.ts';
import { formatSelector, matchesSelector } from './labels.ts';
import { parseSelector, SelectorSyntaxError } from './selector-parser.ts';

const KEY_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

describe('parseSelector()', () => {
  const reads: readonly (readonly [text: string, printed: string])[] = [
    ['', ''],
    ['a', 'a'],
    ['!a', '!a'],
    [' b == c , a!=d ', 'a!=d,b==c'],
    ['a=', 'a='],
    ['a=,b', 'a=,b'],
    ['a in (c, b,b)', 'a in (b,c)'],
    ['a notin ()', 'a notin ()'],
    ['a in (,b)', 'a in (,b)'],
    ['a in (b,)', 'a in (,b)'],
    ['a>1,b<2', 'a>1,b<2'],
    ['in in (in,notin)', 'in in (in,notin)'],
    ['example.com/a=b', 'example.com/a=b'],
  ];
  for (const [text, printed] of reads) {
    it(`reads ${JSON.stringify(text)}`, () =>
      assert.equal(formatSelector(parseSelector(text)), printed));
  }

  it('takes what is left out in a set for the empty value', () => {
    const selector = parseSelector('a in (b,)');
    assert.equal(matchesSelector(selector, { a: '' }), true);
    assert.equal(matchesSelector(selector, { a: 'c' }), false);
  });

  const requirement = (message: string): string => `unable to parse requirement: ${message}`;
  const refuses: readonly (readonly [text: string, message: string])[] = [
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['a b', requirement("found 'b', expected: in, notin, =, ==, !=, gt, lt")],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['!=', "found '!=', expected: !, identifier, or 'end of string'"],
    ['!', requirement("found '', expected: identifier")],
    ['a==!', requirement("found '!', expected: identifier")],
    ['a in b', requirement("found 'b' expected: '('")],
    ['a in (=', requirement("found '=', expected: ',', ')' or identifier")],
    ['a in (b', requirement("found '', expected: ',' or ')'")],
    ['a in (b,', requirement("found '', expected: ',', or identifier")],
    ['-a', requirement(`<nil>: Invalid value: "-a": ${KEY_RULE}`)],
    ['/a', requirement('<nil>: Invalid value: "/a": prefix part must be non-empty')],
    [
      `${'a'.repeat(64)}=b`,
      requirement(
        `<nil>: Invalid value: "${'a'.repeat(64)}": name part must be no more than 63 bytes`,
      ),
    ],
    ['a=-b', requirement(`values[0][a]: Invalid value: "-b": ${VALUE_RULE}`)],
    ['a in (b,-c)', requirement(`values[0][a]: Invalid value: "-c": ${VALUE_RULE}`)],
    [
      'a>b',
      requirement(
        `values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
      ),
    ],
  ];
  for (const [text, message] of refuses) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.throws(() => parseSelector(text), new SelectorSyntaxError(message));
    });
  }
});

describe('parseFieldSelector()', () => {
  const reads: readonly (readonly [text: string, ...terms: string[]])[] = [
    [''],
    ['a=b', 'a = b'],
    ['c!=d,,a==b', 'a = b', 'c ! d'],
    [String.raw`a=x\,y\=z\\`, String.raw`a = x,y=z\ `.trimEnd()],
    ['a=', 'a = '],
    ['=b', ' = b'],
  ];
  for (const [text, ...terms] of reads) {
    it(`reads ${JSON.stringify(text)}`, () => {
      const read = parseFieldSelector(text);
      assert.deepEqual(
        read.map(({ field, equal, value }) => `${field} ${equal ? '=' : '!'} ${value}`),
        terms,
      );
    });
  }

  const refuses: readonly (readonly [text: string, message: string])[] = [
    ['a=b,c', "invalid selector: 'a=b,c'; can't understand 'c'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    [String.raw`a=\b`, String.raw`invalid field selector: invalid escape sequence: \b`],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ];
  for (const [text, message] of refuses) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseFieldSelector(text), new SelectorSyntaxError(message));
    });
  }
});
