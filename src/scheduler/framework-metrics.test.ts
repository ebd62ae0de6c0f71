import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';
import { FrameworkMetrics } from './framework-metrics.ts';

const POINT = 'scheduler_framework_extension_point_duration_seconds';

function world() {
  const registry = new MetricRegistry();
  const clock = { nowMs: 1_000, monotonicMs: () => clock.nowMs, now: () => clock.nowMs };
  return { registry, clock, metrics: new FrameworkMetrics(registry, clock) };
}

describe('metrics of the framework', () => {
  it('are in seconds, from 0.1 ms to some 200 ms for points', () => {
    const { registry, clock, metrics } = world();
    const meter = metrics.meter('default-scheduler');
    const startMs = meter.now();
    clock.nowMs += 150;
    meter.point('Filter', 'Success', startMs);
    const labels = 'extension_point="Filter",status="Success",profile="default-scheduler"';
    assert.equal(sampleOf(registry, `${POINT}_sum{${labels}}`), 0.15);
    assert.equal(sampleOf(registry, `${POINT}_bucket{${labels},le="0.1024"}`), 0);
    assert.equal(sampleOf(registry, `${POINT}_bucket{${labels},le="0.2048"}`), 1);
    assert.equal(registry.text().match(/^scheduler_framework.*_bucket/gm)?.length, 13);
  });

  it('time plug-ins in the first of ten cycles', () => {
    const { registry, clock, metrics } = world();
    for (let i = 0; i < 20; i++) {
      const meter = metrics.meter('p');
      assert.equal(meter.sampledNodes > 0, i % 10 === 0);
      const answer = meter.ask('NodeName', 'Filter', {
        ask: () => {
          clock.nowMs += 2;
          return i;
        },
        status: () => 'Success',
      });
      assert.equal(answer, i);
    }
    const name = 'scheduler_plugin_execution_duration_seconds';
    const labels = '{plugin="NodeName",extension_point="Filter",status="Success"}';
    assert.deepEqual(countsOf(registry, name), [`_count${labels} 2`]);
    assert.equal(sampleOf(registry, `${name}_sum${labels}`), 0.004);
  });

  it('count a plug-in only at points that it has', () => {
    const { registry, metrics } = world();
    const meter = metrics.meter('p');
    meter.asked('NodeName', 'PreFilter');
    meter.asked('NodeName', 'Filter', 3);
    assert.deepEqual(countsOf(registry, 'scheduler_plugin_evaluation_total'), [
      '{plugin="NodeName",extension_point="Filter",profile="p"} 3',
    ]);
  });
});
