/** Texts that are no expressions: what is said of them, and how large expressions may be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { run } from '../test-kit.ts';
import { MacroTable, STANDARD_MACROS } from './macros.ts';
import { parse } from './parser.ts';
import { displayIssues } from './source.ts';

const OPTIONS = {
  macros: new MacroTable(STANDARD_MACROS),
  hasOptionalSyntax: true,
  hasEscapedNames: false,
};

function issuesOf(text: string): string[] {
  const { issues, source } = parse(text, OPTIONS);
  const shown = displayIssues(issues, source).split('\n');
  return shown
    .filter((line) => line.startsWith('ERROR'))
    .map((line) => line.replace('ERROR: <input>:', ''));
}

const STARTS =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

const WRONG: Readonly<Record<string, readonly string[]>> = {
  '': [`1:0: Syntax error: mismatched input '<EOF>' expecting ${STARTS}`],
  'a +': [`1:4: Syntax error: mismatched input '<EOF>' expecting ${STARTS}`],
  'a b': ["1:3: Syntax error: extraneous input 'b' expecting <EOF>"],
  '(a': ["1:3: Syntax error: mismatched input '<EOF>' expecting ')'"],
  'f(a,': [`1:5: Syntax error: mismatched input '<EOF>' expecting ${STARTS}`],
  'a ? b': ["1:6: Syntax error: mismatched input '<EOF>' expecting ':'"],
  'a # b': [
    "1:3: Syntax error: token recognition error at: '#'",
    "1:5: Syntax error: extraneous input 'b' expecting <EOF>",
  ],
  "'abc": [
    "1:1: Syntax error: token recognition error at: ''abc'",
    `1:5: Syntax error: mismatched input '<EOF>' expecting ${STARTS}`,
  ],
  'a.`b`': ["1:3: unsupported syntax: '`'"],
  package: ['1:1: reserved identifier: package'],
  'has(a)': ['1:5: invalid argument to has() macro'],
  'a.all(1, true)': ['1:7: argument must be a simple name'],
  'a.map(1, true)': ['1:7: argument is not an identifier'],
  '9223372036854775808': ['1:1: invalid int literal'],
  '18446744073709551616u': ['1:1: invalid uint literal'],
  '1e999': ['1:1: invalid double literal'],
  "a\n&& b &&\n'é' c": ["3:5: Syntax error: extraneous input 'c' expecting <EOF>"],
};

describe('what is no expression', () => {
  for (const [text, issues] of Object.entries(WRONG)) {
    it(JSON.stringify(text), () => assert.deepEqual(issuesOf(text), issues));
  }

  it('is too large or too deep', () => {
    const deep = (count: number): string => `${'('.repeat(count)}1${')'.repeat(count)}`;
    const chain = (count: number): string => `1${' + 1'.repeat(count)}`;
    assert.deepEqual(issuesOf(deep(249)), []);
    assert.deepEqual(issuesOf(deep(250)), ['-1:0: expression recursion limit exceeded: 250']);
    assert.deepEqual(issuesOf(chain(250)), []);
    assert.deepEqual(issuesOf(chain(251)), ['-1:0: max recursion depth exceeded']);
    assert.deepEqual(issuesOf('a && '.repeat(1000) + 'a'), []);
    assert.deepEqual(issuesOf(' '.repeat(100_001)), [
      '-1:0: expression code point size exceeds limit: size: 100001, limit 100000',
    ]);
  });

  it('marks characters that are wide with wide marks', () => {
    const { issues, source } = parse("'🐱' x", OPTIONS);
    assert.equal(displayIssues(issues, source).split('\n').at(-1), ' | .．..^');
  });

  it('is told of, whatever it is: nothing is thrown', () => {
    const words = [
      'a',
      '1',
      '1u',
      '.5',
      "'s'",
      'b"x"',
      'in',
      'true',
      '?',
      ':',
      '.',
      '[',
      ']',
      '{',
      '}',
      '(',
      ')',
    ];
    const signs = [
      '+',
      '-',
      '*',
      '!',
      '&&',
      '||',
      '==',
      '<',
      ',',
      '.?',
      '[?',
      'has',
      '.map',
      '.all',
      '\\',
      '`',
      '"',
    ];
    const token = fc.constantFrom(...words, ...signs);
    const text = fc.oneof(
      fc.string(),
      fc.array(token, { maxLength: 30 }).map((each) => each.join(' ')),
    );
    fc.assert(
      fc.property(text, (source) => {
        assert.notEqual(run(source), undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});
