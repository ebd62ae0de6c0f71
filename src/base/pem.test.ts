import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pemBlocks } from './pem.ts';

/** Each block as `LABEL content`, with a colon where it has headers. */
const read = (text: string): string =>
  pemBlocks(text)
    .map(({ label, hasHeaders, der }) => `${label}${hasHeaders ? ':' : ''} ${der.toString()}`)
    .join(', ');

const block = (label: string, ...lines: string[]): string =>
  [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');

const HELLO = 'aGVsbG8=';
const HI = block('A', HELLO);

describe('pemBlocks', () => {
  const rows: readonly (readonly [claim: string, text: string, expected: string])[] = [
    ['reads a block', HI, 'A hello'],
    ['reads several, of any label, in order', `${HI}${block('B C', 'Yg==')}`, 'A hello, B C b'],
    ['passes over what is around them', `one\n${HI}\ntwo\n${HI}three`, 'A hello, A hello'],
    ['reads one without a last line feed', HI.trimEnd(), 'A hello'],
    ['reads lines that end as on Windows', HI.replaceAll('\n', '\r\n'), 'A hello'],
    [
      'passes over blanks in lines and behind them',
      block('A', 'aGVs \t', ' bG8=') + HI,
      'A hello, A hello',
    ],
    ['reads an empty one', block('A'), 'A '],
    ['reads one without a label', block('', HELLO), ' hello'],
    ['knows headers', block('A', 'Proc-Type: 4,ENCRYPTED', 'x:y', '', HELLO), 'A: hello'],
    ['knows headers without an empty line behind them', block('A', 'x:y', HELLO), 'A: hello'],
    ['knows headers with an empty line behind them', block('A', 'x:y', ''), 'A: '],
    ['refuses headers with nothing behind them', block('A', 'x:y'), ''],
    ['begins at the last beginning', `-----BEGIN A-----\n${HI}`, 'A hello'],
    ['goes on behind an end without a beginning', `-----END A-----\n${HI}`, 'A hello'],
    ['reads a block once, however often it ends', `${HI}-----END A-----\n`, 'A hello'],
    ['goes on behind a broken one', `${block('A', 'a*==')}${HI}`, 'A hello'],
    ['refuses padding that is missing', block('A', 'aGVsbG8'), ''],
    ['refuses what follows padding', block('A', HELLO, HELLO), ''],
    ['refuses another label at the end', HI.replace('END A', 'END B'), ''],
    ['refuses a beginning within a line', ` ${HI}`, ''],
    ['refuses two beginnings in a line', `-----BEGIN A-----${HI}`, ''],
    ['refuses an end within a line', HI.replace('-----END', ' -----END'), ''],
    ['refuses what follows the end in its line', HI.replace('END A-----', 'END A----- x'), ''],
    ['refuses a beginning without its dashes', HI.replace('BEGIN A-----', 'BEGIN A'), ''],
    ['refuses content in the line of the beginning', HI.replace('A-----\n', 'A-----'), ''],
    ['refuses one without an end', HI.replace(/-----END.*/, ''), ''],
    ['finds nothing in nothing', '', ''],
  ];
  for (const [claim, text, expected] of rows) it(claim, () => assert.equal(read(text), expected));

  it('gives a block as it stands, its lines trimmed', () => {
    const [found] = pemBlocks(`x\n${HI.replaceAll('\n', ' \r\n')}`);
    assert.equal(found?.text, HI);
  });
});
