/** Answers about health, and the count of them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { countsOf } from '#kit/metrics.ts';
import { Health } from './health.ts';

it('answers are counted by check and page; the last one is shown', () => {
  const registry = new MetricRegistry();
  const health = new Health(registry);
  let problem: string | undefined = 'not synced';
  const checks = new Map([
    ['ping', () => undefined],
    ['sync', () => problem],
  ]);
  const ask = (type: string, query = ''): number =>
    health.answer(type, checks, new URLSearchParams(query)).status;
  assert.deepEqual(
    [ask('healthz'), ask('readyz'), ask('healthz', 'exclude=sync')],
    [500, 500, 200],
  );
  problem = undefined;
  assert.equal(ask('readyz'), 200);
  assert.deepEqual(countsOf(registry, 'kubernetes_'), [
    'healthchecks_total{name="ping",type="healthz",status="success"} 2',
    'healthchecks_total{name="ping",type="readyz",status="success"} 2',
    'healthchecks_total{name="sync",type="healthz",status="error"} 1',
    'healthchecks_total{name="sync",type="readyz",status="error"} 1',
    'healthchecks_total{name="sync",type="readyz",status="success"} 1',
    'healthcheck{name="ping",type="healthz"} 1',
    'healthcheck{name="ping",type="readyz"} 1',
    'healthcheck{name="sync",type="readyz"} 1',
  ]);
});
