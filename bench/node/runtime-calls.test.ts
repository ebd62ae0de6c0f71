import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseStartCallsMs } from './runtime-calls.ts';

const METRIC = 'kubelet_runtime_operations_duration_seconds';

function metrics(names: readonly string[]): string {
  return names
    .flatMap((name, i) => [
      `${METRIC}_bucket{operation_type="${name}",le="0.005"} 1`,
      `${METRIC}_sum{operation_type="${name}"} ${i + 0.25}`,
      `${METRIC}_count{operation_type="${name}"} 7`,
    ])
    .join('\n');
}

describe('the calls of a runtime that start pods', () => {
  it('are summed, in milliseconds, and no others', () => {
    const text = metrics(['run_podsandbox', 'create_container', 'start_container', 'version']);
    assert.equal(parseStartCallsMs(text), 3750);
  });

  it('are all told of, or it is an error', () => {
    assert.throws(() => parseStartCallsMs(metrics(['run_podsandbox'])), /1 of 3 calls/);
  });
});
