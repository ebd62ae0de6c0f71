import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readStaticTokens, staticUser, TokenFileError } from './static-tokens.ts';

const read = (text: string, warn?: (line: string) => void) => readStaticTokens(text, '/t', warn);

describe('a file of tokens', () => {
  it('names users by their tokens', () => {
    const tokens = read(
      'abc,jane,7\r\n"d,""e",bob,8,"staff,ops",more\n\nxyz,eve,9,solo\nlast,lou,10,',
    );
    assert.deepEqual(staticUser(tokens, 'abc'), { name: 'jane', uid: '7', groups: [] });
    assert.deepEqual(staticUser(tokens, 'd,"e'), {
      name: 'bob',
      uid: '8',
      groups: ['staff', 'ops'],
    });
    assert.deepEqual(staticUser(tokens, 'xyz')?.groups, ['solo']);
    assert.equal(staticUser(tokens, 'last')?.name, 'lou');
    assert.equal(staticUser(tokens, 'jane'), undefined);
    assert.equal(staticUser(tokens, ''), undefined);
    // No token is kept as it is.
    assert.ok(![...tokens.keys()].includes('abc'));
  });

  it('may have lines that do not count, which are told', () => {
    const told: string[] = [];
    const tokens = read(',jane,7\na,one,1\na,two,2', (line) => told.push(line));
    assert.equal(staticUser(tokens, 'a')?.name, 'two');
    assert.deepEqual(told, [
      "empty token has been found in token file '/t', record number '1'",
      "duplicate token has been found in token file '/t', record number '3'",
    ]);
  });

  it('that cannot be read is refused', () => {
    const refusal = (text: string): string => {
      try {
        read(text);
        return 'taken';
      } catch (error) {
        assert.ok(error instanceof TokenFileError);
        return error.message;
      }
    };
    assert.equal(
      refusal('a,b,c\nd,e'),
      "token file '/t' must have at least 3 columns (token, user name, user uid), found 2",
    );
    assert.equal(refusal('a,b"c,d'), 'bare " in non-quoted-field');
    assert.equal(refusal('"a,b,c'), 'extraneous or missing " in quoted-field');
    assert.equal(refusal('"a"b,c,d'), 'extraneous or missing " in quoted-field');
    assert.equal(refusal(''), 'taken');
  });
});
