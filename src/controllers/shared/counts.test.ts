import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deploymentStatus } from '../deployment/status.ts';
import { withoutZeros } from './counts.ts';
import { replicasStatus } from './replicas.ts';

describe('withoutZeros()', () => {
  it('leaves out zeros and nothing else', () => {
    assert.deepEqual(withoutZeros({ a: 0, b: 1, c: -1 }), { b: 1, c: -1 });
  });
});

describe('a status', () => {
  it('of what has no Pods has the counts that are stored, and no others', () => {
    const template = { metadata: {}, spec: { containers: [] } };
    const owner = { metadata: { generation: 1 } };
    const status = replicasStatus({
      owner,
      desired: { replicas: 0, minReadySeconds: 0, template, selector: [] },
      pods: [],
      terminating: 0,
      surplus: 0,
      failure: undefined,
      nowMs: 0,
    });
    assert.deepEqual(status, { replicas: 0, terminatingReplicas: 0, observedGeneration: 1 });
  });

  it('of a Deployment without ReplicaSets, too', () => {
    const spec = { replicas: 0, selector: {}, template: { spec: { containers: [] } } };
    const { conditions: _, ...counts } = deploymentStatus({
      deployment: { metadata: { generation: 1 }, spec },
      newRs: undefined,
      oldRss: [],
      nowMs: 0,
    });
    assert.deepEqual(counts, { terminatingReplicas: 0, observedGeneration: 1 });
  });
});
