/** Figures and the table, to the letter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { figureText, renderTable, type Row } from './table.ts';

const ROWS: readonly Row[] = [
  { what: 'start', unit: 'ms', goal: 800, coxswain: [610, 590, 701], upstream: [3000] },
  { what: 'rest', unit: '% of a core', coxswain: 'needs root', upstream: 'failed' },
];

describe('figures', () => {
  it('several rounds show their median, the least and the most', () => {
    assert.equal(figureText([610, 590, 701], 'ms'), '610 ms [590–701]');
  });

  it('one round shows itself alone, in the digits of its unit', () => {
    assert.equal(figureText([0.046], '% of a core'), '0.05 % of a core');
  });
});

describe('the table', () => {
  it('shows both sides, their ratio and the goal', () => {
    assert.equal(
      renderTable(ROWS, true),
      [
        '                Coxswain   upstream   ratio       goal',
        'start   610 ms [590–701]    3000 ms    0.20   ≤ 800 ms',
        'rest          needs root     failed',
        '',
      ].join('\n'),
    );
  });

  it('without a comparison says nothing of upstream', () => {
    assert.equal(
      renderTable(ROWS, false),
      [
        '                Coxswain       goal',
        'start   610 ms [590–701]   ≤ 800 ms',
        'rest          needs root',
        '',
      ].join('\n'),
    );
  });
});
