/** The plot in text. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderPlot } from './plot.ts';

describe('plot', () => {
  const linesOf = (...values: readonly number[]): string[] =>
    renderPlot({
      title: 'Costs',
      unit: 'ms',
      groups: values.map((value, index) => ({
        name: `${index + 9}`,
        bars: [
          { name: 'us', value },
          { name: 'them', value: 100 },
        ],
      })),
    }).split('\n');

  it('the largest value has the longest bar, and the others their part of it', () => {
    const [title, ours, theirs] = linesOf(25);
    assert.equal(title, 'Costs');
    assert.equal(ours, `9  us   ${'█'.repeat(12)}▌ 25 ms`);
    assert.equal(theirs, `   them ${'█'.repeat(50)} 100 ms`);
  });

  it('names of groups stand at the right, once each', () => {
    const lines = linesOf(50, 100);
    assert.match(lines[1] ?? '', /^ 9 {2}us /);
    assert.match(lines[3] ?? '', /^10 {2}us /);
    assert.match(lines[4] ?? '', /^ {4}them /);
  });

  it('small values keep a digit behind the point', () => {
    assert.match(linesOf(1.25)[1] ?? '', / 1\.3 ms$/);
  });

  it('what could not be measured has a dash and no bar', () => {
    assert.equal(linesOf(Number.NaN)[1], '9  us    –');
  });
});
