import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { sampleOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { EncryptionMetrics } from './metrics.ts';

describe('the metrics of encryption at rest', () => {
  const registry = new MetricRegistry();
  const metrics = new EncryptionMetrics(registry, new VirtualEnvironment().clock, 'server');

  it('name the code of the key service, also where what it said was wrapped', () => {
    const refused = new GrpcError(GRPC_CODE.unavailable, 'nobody listens');
    const counted = (status: string): number =>
      sampleOf(
        registry,
        `apiserver_storage_transformation_operations_total{resource="secrets",status="${status}",transformation_type="from_storage",transformer_prefix="p"}`,
      );
    for (const error of [
      refused,
      new Error('failed to decrypt DEK', { cause: refused }),
      new Error('forged'),
      undefined,
    ])
      metrics.transformed('secrets', 'from_storage', 'p', { startMs: 0, error });
    assert.deepEqual(['Unavailable', 'unknown-non-grpc', 'OK'].map(counted), [2, 1, 1]);
  });

  it('count the data keys that could not be made', () => {
    const failures = (): number =>
      sampleOf(registry, 'apiserver_storage_data_key_generation_failures_total');
    assert.equal(
      metrics.dataKeys.made(() => 'a key'),
      'a key',
    );
    assert.equal(failures(), 0);
    const fail = (): never => {
      throw new Error('no entropy');
    };
    assert.throws(() => metrics.dataKeys.made(fail), /^Error: no entropy$/);
    assert.equal(failures(), 1);
    const seconds = 'apiserver_storage_data_key_generation_duration_seconds_count';
    assert.equal(sampleOf(registry, seconds), 1);
  });
});
