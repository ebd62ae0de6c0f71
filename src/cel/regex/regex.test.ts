/** Regular expressions of RE2: what they match, what they refuse, and that no text is slow. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RegexProblem } from './parse.ts';
import { regexOf } from './regex.ts';

const MATCHES: readonly (readonly [pattern: string, text: string, found: string | undefined])[] = [
  ['a', 'bab', 'a'],
  ['', 'abc', ''],
  ['a|ab', 'ab', 'a'],
  ['(?:ab|a)(?:c|bcd)', 'abcd', 'abc'],
  ['a*', 'aaab', 'aaa'],
  ['a*?b', 'aab', 'aab'],
  ['a{2}', 'aaa', 'aa'],
  ['a{2,}', 'aaaa', 'aaaa'],
  ['a{1,2}?', 'aa', 'a'],
  ['a{,2}', 'a{,2}', 'a{,2}'],
  ['^b', 'ab', undefined],
  ['(?m)^b$', 'a\nb\nc', 'b'],
  ['b$', 'ab', 'b'],
  ['a.c', 'a\nc', undefined],
  ['(?s)a.c', 'a\nc', 'a\nc'],
  ['(?i)straße', 'STRAßE', 'STRAßE'],
  ['(?i:A)b', 'ab', 'ab'],
  ['(?i)[k]', '\u212a', '\u212a'],
  ['(?i)[K]', '\u212a', '\u212a'],
  ['(?i)\\W', 'sS', undefined],
  ['(?i)\\P{Lu}', 'a', undefined],
  ['(?i)ẞ', 'ß', 'ß'],
  ['$^', '', ''],
  ['^\\Qab\\E*$', 'abb', 'abb'],
  ['^a(?i){2}$', 'aa', 'aa'],
  ['(?<y>a)(?<y>b)', 'ab', 'ab'],
  ['[^a-c]', 'abcd', 'd'],
  ['[]a]+', 'a]', 'a]'],
  ['[a\\-z]+', 'a-', 'a-'],
  ['[[:alpha:]]+', '12ab', 'ab'],
  ['[[:^digit:]]+', '12ab', 'ab'],
  ['\\d+', 'ab12', '12'],
  ['\\D+', 'ab12', 'ab'],
  ['\\w+', '-a_1', 'a_1'],
  ['\\s', 'a\tb', '\t'],
  ['\\bfoo\\b', 'a foo b', 'foo'],
  ['\\Boo', 'foo', 'oo'],
  ['\\pL+', '1é中', 'é中'],
  ['\\p{Greek}+', 'aαβ', 'αβ'],
  ['\\P{L}+', 'a12', '12'],
  ['\\x41\\x{1F600}', 'A😀', 'A😀'],
  ['\\101', 'A', 'A'],
  ['\\Qa.b\\E', 'axb a.b', 'a.b'],
  ['.', '😀', '😀'],
  ['\\Aab\\z', 'ab', 'ab'],
  ['(?P<name>a)(?<other>b)', 'ab', 'ab'],
  ['(?U)a+', 'aa', 'a'],
  ['(a|b)*c|(a|ab)*c', 'abc', 'abc'],
];

const PROBLEMS: readonly (readonly [pattern: string, problem: string])[] = [
  ['(a', 'missing closing ): `(a`'],
  ['a)', 'unexpected ): `a)`'],
  ['[a', 'missing closing ]: `[a`'],
  ['*', 'missing argument to repetition operator: `*`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
  ['a{2,1}', 'invalid repeat count: `{2,1}`'],
  ['\\x{41', 'invalid escape sequence: `\\x{41`'],
  ['\\x{4g}', 'invalid escape sequence: `\\x{4g`'],
  ['\\x4', 'invalid escape sequence: `\\x4`'],
  ['(?i-s=a)', 'invalid or unsupported Perl syntax: `(?i-s=`'],
  ['(?P<', 'invalid or unsupported Perl syntax: `(?P`'],
  ['(?<a', 'invalid named capture: `(?<a`'],
  ['|*', 'missing argument to repetition operator: `*`'],
  ['[z-a]', 'invalid character class range: `z-a`'],
  ['\\', 'trailing backslash at end of expression: ``'],
  ['\\8', 'invalid escape sequence: `\\8`'],
  ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(?<!a)', 'invalid named capture: `(?<!a)`'],
  ['\\p{Nothing}', 'invalid character class range: `\\p{Nothing}`'],
];

describe('regular expressions', () => {
  for (const [pattern, text, found] of MATCHES) {
    it(`${pattern} in ${JSON.stringify(text)}`, () => {
      const regex = regexOf(pattern);
      assert.ok(!(regex instanceof RegexProblem));
      const match = regex.find(text);
      assert.equal(match && text.slice(match.start, match.end), found);
      assert.equal(regex.test(text), found !== undefined);
    });
  }

  for (const [pattern, problem] of PROBLEMS) {
    it(`refuses ${pattern}`, () => {
      const regex = regexOf(pattern);
      assert.ok(regex instanceof RegexProblem);
      assert.equal(regex.message, `error parsing regexp: ${problem}`);
    });
  }

  it('finds all matches that do not overlap, empty ones between them', () => {
    const regex = regexOf('a*');
    assert.ok(!(regex instanceof RegexProblem));
    assert.deepEqual(regex.findAll('baaac', -1), ['', 'aaa', '']);
    assert.deepEqual(regex.findAll('baaac', 2), ['', 'aaa']);
  });

  it('needs time in proportion to the text where backtracking would need ages', () => {
    for (const pattern of ['^(a+)+$', '^(a|aa)+$', '(x+x+)+y', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
      const regex = regexOf(pattern);
      assert.ok(!(regex instanceof RegexProblem));
      assert.equal(
        regex.test(`${'a'.repeat(5_000)}!`.replaceAll('a', pattern.includes('x') ? 'x' : 'a')),
        false,
      );
    }
  });
});
