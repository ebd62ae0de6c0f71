/** The syntax of files with variables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { variableIn } from './env-file.ts';

const FORMAT = 'invalid environment variable format';

describe('a variable in a file', () => {
  const rows: [claim: string, text: string, value: string | undefined][] = [
    ['is what stands between single quotes', "A='1'\nV='a $X \\n \"b\" # c'\n", 'a $X \\n "b" # c'],
    ['may begin after blanks, and have a comment', " \t V='1' # V='2'\n", '1'],
    ['is found after comments and empty lines', "# V='0'\n\n  \nV='1'", '1'],
    ['may have several lines', "V='one\n\n two\r\nthree'\nA='x'\n", 'one\n\n two\nthree'],
    ['is found after one of several lines', "A='x\nV=\ny'\nV='1'\n", '1'],
    ['is empty where a blank follows', "A= 'x'\nV= 'y'\n", ''],
    ['is the first of its name', "V='1'\nV='2'\nbroken", '1'],
    ['may be absent', "VV='1'\n", undefined],
    ['is not in an empty file', '', undefined],
  ];
  for (const [claim, text, value] of rows)
    it(claim, () => assert.equal(variableIn(text, 'V'), value));

  const faults: [text: string, message: string][] = [
    ["A='1'\nV\n", `${FORMAT} at line 2: missing '='`],
    [" ='1'", `${FORMAT} at line 1: empty variable name`],
    ["V ='1'", `${FORMAT} at line 1: whitespace before '=' is not allowed`],
    ['V=', `${FORMAT} at line 1: value must be enclosed in single quotes`],
    ['V="1"', `${FORMAT} at line 1: value must be enclosed in single quotes`],
    ["V='1' 2", `${FORMAT} at line 1: unexpected content after closing quote`],
    ["V='1\n2' 3", `${FORMAT} at line 2: unexpected content after closing quote`],
    ["\nA='1\n2\n", `${FORMAT} starting at line 2: unclosed single quote`],
    ["V='", `${FORMAT} starting at line 1: unclosed single quote`],
  ];
  for (const [text, message] of faults)
    it(`is refused: ${JSON.stringify(text)}`, () =>
      assert.throws(() => variableIn(text, 'V'), { message }));
});
