/** Metrics as text. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countsBy, exponentialBuckets, MetricRegistry } from './metrics.ts';

const head = (name: string, ...labels: string[]) => ({ name, help: 'Help.', labels }) as const;

function samples(registry: MetricRegistry): string[] {
  return registry
    .text()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describe('MetricRegistry', () => {
  it('gives who asks once more the metric that is there', () => {
    const registry = new MetricRegistry();
    registry.counter(head('a', 'x')).add(['1']);
    registry.counter(head('a', 'x')).add(['1'], 2);
    registry.gauge(head('b', 'x')).set(['1'], 7);
    registry.gauge(head('b', 'x')).add(['1'], -2);
    registry.histogram(head('c'), [1]).observe([], 0.5);
    registry.histogram(head('c'), [1]).observe([], 2);
    assert.deepEqual(samples(registry), [
      'a{x="1"} 3',
      'b{x="1"} 5',
      'c_bucket{le="1"} 1',
      'c_bucket{le="+Inf"} 2',
      'c_sum 2.5',
      'c_count 2',
    ]);
  });

  it('asks the last one who observes under a name', () => {
    const registry = new MetricRegistry();
    registry.observed(head('a'), () => [[[], 1]]);
    registry.observed(head('a'), () => [[[], 2]], 'counter');
    assert.equal(registry.text(), '# HELP a Help.\n# TYPE a counter\na 2\n');
  });

  it('shows what has no labels from the start, and what has when there is something', () => {
    const registry = new MetricRegistry();
    registry.counter(head('a'));
    registry.histogram(head('b'), [1]);
    registry.counter(head('c', 'x'));
    registry.histogram(head('d', 'x'), [1]);
    assert.equal(/# \w+ [cd]/.test(registry.text()), false);
    assert.deepEqual(samples(registry), [
      'a 0',
      'b_bucket{le="1"} 0',
      'b_bucket{le="+Inf"} 0',
      'b_sum 0',
      'b_count 0',
    ]);
  });
});

it('exponentialBuckets() multiplies', () => {
  assert.deepEqual(exponentialBuckets(0.25, 2, 4), [0.25, 0.5, 1, 2]);
});

it('countsBy() counts those that have the same labels', () => {
  const words = ['a', 'bb', 'cc', 'd', 'e'];
  assert.deepEqual(
    countsBy(words, (word) => ['length', String(word.length)]),
    [
      [['length', '1'], 3],
      [['length', '2'], 2],
    ],
  );
});
