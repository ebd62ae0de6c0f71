/** Quantiles of what was observed lately. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alpha, MetricRegistry } from './metrics.ts';
import { Quantiles } from './summary.ts';

const HOUR_MS = 3_600_000;

/** A clock, and quantiles of five hours. */
function window() {
  const clock = { ms: 0 };
  return { clock, quantiles: new Quantiles(5 * HOUR_MS, () => clock.ms) };
}

function assertNear(got: readonly number[], wanted: readonly number[]): void {
  assert.equal(got.length, wanted.length);
  for (const [i, value] of wanted.entries())
    assert.ok(Math.abs((got[i] ?? Number.NaN) - value) <= 0.0101 * value, `${got.join()}, ${i}`);
}

describe('quantiles', () => {
  it('are within a percent of the value, however it is distributed', () => {
    for (const valueOf of [
      (i: number) => i,
      (i: number) => 1e-6 * 1.02 ** i,
      (i: number) => 1 / i,
    ]) {
      const { quantiles } = window();
      const values = Array.from({ length: 1000 }, (_, i) => valueOf(i + 1));
      // In an order that has nothing to do with theirs.
      for (let i = 0; i < 1000; i++) quantiles.observe(values[(i * 387) % 1000] ?? 0);
      const sorted = values.toSorted((one, other) => one - other);
      const wanted = [1, 500, 900, 990, 1000].map((nth) => sorted[nth - 1] ?? 0);
      assertNear(quantiles.at([0, 0.5, 0.9, 0.99, 1]), wanted);
    }
  });

  it('are of values at the edges too', () => {
    const { quantiles } = window();
    assert.deepEqual(quantiles.at([0.5]), [Number.NaN]);
    quantiles.observe(0);
    quantiles.observe(1e-12);
    assert.deepEqual(quantiles.at([0, 0.5, 1]), [0, 0, 0]);
    quantiles.observe(1e300);
    assert.deepEqual(quantiles.at([0.5]), [0]);
    assertNear(quantiles.at([1]), [1e9]);
  });

  it('forget what is older than their time, a fifth of it at once', () => {
    const { clock, quantiles } = window();
    quantiles.observe(1);
    clock.ms += HOUR_MS;
    quantiles.observe(2);
    clock.ms += 4 * HOUR_MS - 1;
    assertNear(quantiles.at([0, 1]), [1, 2]);
    clock.ms += 1;
    assertNear(quantiles.at([0, 1]), [2, 2]);
    clock.ms += HOUR_MS;
    assert.deepEqual(quantiles.at([1]), [Number.NaN]);
    quantiles.observe(3);
    clock.ms += 100 * HOUR_MS;
    assert.deepEqual(quantiles.at([1]), [Number.NaN]);
    quantiles.observe(4);
    assertNear(quantiles.at([0, 1]), [4, 4]);
  });
});

describe('a summary', () => {
  it('has quantiles of lately, and the sum and the count of all', () => {
    const registry = new MetricRegistry();
    let ms = 0;
    const head = alpha('a', 'Help.', 'x');
    const observe = registry.summary(head, HOUR_MS, () => ms).of(['1']);
    observe(0);
    assert.equal(
      registry.text(),
      `# HELP a [ALPHA] Help.
# TYPE a summary
a{x="1",quantile="0.5"} 0
a{x="1",quantile="0.9"} 0
a{x="1",quantile="0.99"} 0
a_sum{x="1"} 0
a_count{x="1"} 1
`,
    );
    registry.summary(head, HOUR_MS, () => ms).of(['1'])(2);
    ms += HOUR_MS;
    const lines = registry.text().split('\n').slice(2, -1);
    assert.deepEqual(lines, [
      'a{x="1",quantile="0.5"} NaN',
      'a{x="1",quantile="0.9"} NaN',
      'a{x="1",quantile="0.99"} NaN',
      'a_sum{x="1"} 2',
      'a_count{x="1"} 2',
    ]);
  });
});
