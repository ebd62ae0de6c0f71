/** Metrics as text. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countsBy, exponentialBuckets, familyText, MetricRegistry } from './metrics.ts';

const head = (name: string, ...labels: string[]) => ({ name, help: 'Help.', labels }) as const;

function samples(registry: MetricRegistry): string[] {
  return registry
    .text()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describe('MetricRegistry', () => {
  it('observes a series by its labels and by what was made for it alike', () => {
    const registry = new MetricRegistry();
    const histogram = registry.histogram(head('a', 'x'), [1]);
    const observe = histogram.of(['1']);
    observe(0.5);
    histogram.observe(['1'], 2);
    observe(3);
    assert.deepEqual(samples(registry), [
      'a_bucket{x="1",le="1"} 1',
      'a_bucket{x="1",le="+Inf"} 3',
      'a_sum{x="1"} 5.5',
      'a_count{x="1"} 3',
    ]);
  });

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

  it('asks for a histogram when somebody looks', () => {
    const registry = new MetricRegistry();
    let series = [{ labels: ['1'], counts: [1, 2], sum: 7.5, count: 4 }];
    registry.observedHistogram(head('a', 'x'), [1, 2], () => series);
    assert.equal(
      registry.text(),
      '# HELP a Help.\n# TYPE a histogram\na_bucket{x="1",le="1"} 1\na_bucket{x="1",le="2"} 3\na_bucket{x="1",le="+Inf"} 4\na_sum{x="1"} 7.5\na_count{x="1"} 4\n',
    );
    series = [];
    assert.equal(registry.text(), '');
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

  it('forgets a series', () => {
    const registry = new MetricRegistry();
    const counter = registry.counter(head('a', 'x', 'y'));
    const histogram = registry.histogram(head('b', 'x', 'y'), []);
    for (const labels of [
      ['1', '2'],
      ['1', '3'],
    ]) {
      counter.add(labels);
      histogram.observe(labels, 1);
    }
    counter.remove(['1', '2']);
    histogram.remove(['1', '2']);
    assert.deepEqual(
      samples(registry).filter((line) => !/_(bucket|sum)/.test(line)),
      ['a{x="1",y="3"} 1', 'b_count{x="1",y="3"} 1'],
    );
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

describe('familyText()', () => {
  it('writes values with their times', () => {
    const samples = [
      { labels: ['1'], value: 2_000_000, timeMs: 1_767_225_600_000.5 },
      { labels: ['"'], value: 0.5 },
    ];
    assert.equal(
      familyText(head('a', 'x'), 'counter', samples),
      '# HELP a Help.\n# TYPE a counter\na{x="1"} 2e+06 1767225600000\na{x="\\""} 0.5\n',
    );
  });

  it('writes nothing where there is nothing', () => {
    assert.equal(familyText(head('a'), 'gauge', []), '');
  });
});
