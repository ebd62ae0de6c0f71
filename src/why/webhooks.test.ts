/** What is read of the API server's metrics about webhooks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quantileBound, samplesIn } from './metrics-text.ts';
import { webhookReports } from './webhooks.ts';

describe('a page of metrics', () => {
  it('is read by name, with labels as they were', () => {
    const text = [
      '# HELP a_total Words.',
      String.raw`a_total{x="say \"no\"",y="a,b}"} 3`,
      'a_total 4 1700000000',
      'b_bucket{le="+Inf"} 1e+2',
      'other_total 9',
    ].join('\n');
    const samples = samplesIn(text, ['a_total', 'b_bucket', 'none']);
    assert.deepEqual(
      samples.get('a_total')?.map(({ labels, value }) => [Object.fromEntries(labels), value]),
      [
        [{ x: 'say "no"', y: 'a,b}' }, 3],
        [{}, 4],
      ],
    );
    assert.equal(samples.get('b_bucket')?.[0]?.value, 100);
    assert.deepEqual(samples.get('none'), []);
  });

  it('bounds a share of a histogram by its buckets', () => {
    const buckets = new Map([
      [0.1, 50],
      [1, 98],
      [Number.POSITIVE_INFINITY, 100],
    ]);
    assert.deepEqual(
      [0.5, 0.51, 0.98, 0.99].map((q) => quantileBound(buckets, q)),
      [0.1, 1, 1, Number.POSITIVE_INFINITY],
    );
    assert.equal(quantileBound(new Map(), 0.5), undefined);
    assert.equal(quantileBound(new Map([[Number.POSITIVE_INFINITY, 0]]), 0.5), undefined);
  });
});

it('a webhook that is gone is told of too, one of two names by its type', () => {
  const count = 'apiserver_admission_webhook_rejection_count';
  const metrics = [
    `${count}{error_type="no_error",name="a",operation="CREATE",rejection_code="403",type="validating"} 2`,
    `${count}{error_type="no_error",name="a",operation="UPDATE",rejection_code="400",type="validating"} 1`,
    `${count}{error_type="calling_webhook_error",name="a",operation="CREATE",rejection_code="503",type="admit"} 7`,
  ].join('\n');
  const webhooks = [{ name: 'a' }] as never;
  const mutating = [{ metadata: { name: 'm' }, webhooks }];
  const reports = webhookReports({ metrics, mutating, validating: [] });
  assert.deepEqual(
    reports.map(({ type, configurations, denied, failed, calls }) => [
      type,
      configurations,
      denied,
      failed,
      calls,
    ]),
    [
      ['mutating', ['m'], 0, 7, 0],
      ['validating', [], 3, 0, 0],
    ],
  );
});
