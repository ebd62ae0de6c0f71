import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { NODES } from '../targets.ts';
import { nodeDeclaredFeatures } from './node-declared-features.ts';

const RESOURCES = { requests: { cpu: '1' } };
const pod = (spec: Partial<PodSpec>, generation: number, nodeName = 'bare'): Pod => ({
  metadata: { name: 'web', generation },
  spec: { nodeName, containers: [{ name: 'a' }], ...spec },
});
const withInit = (restartPolicy?: string, resources = {}): Partial<PodSpec> => ({
  initContainers: [{ name: 'i', resources, ...(restartPolicy && { restartPolicy }) }],
});

describe('NodeDeclaredFeatureValidator', () => {
  const bench = new AdmissionBench();
  bench.reader.put(NODES, { metadata: { name: 'bare' } });
  bench.reader.put(NODES, {
    metadata: { name: 'able' },
    status: {
      declaredFeatures: [
        'InPlacePodLevelResourcesVerticalScaling',
        'InPlacePodVerticalScalingInitContainers',
      ],
    },
  });
  const update = (old: Pod, object: Pod, subresource = 'resize') =>
    bench.run(nodeDeclaredFeatures(bench.services), {
      plural: 'pods',
      subresource,
      operation: 'UPDATE',
      object,
      old,
    });

  it('lets resources of the pod and of init containers change where the node can do that', async () => {
    const after = { resources: RESOURCES, ...withInit(undefined, RESOURCES) };
    assert.equal(await update(pod(withInit(), 1), pod(after, 2, 'able')), 'admitted');
    assert.match(
      String(await update(pod(withInit(), 1), pod(after, 2))),
      /pod update requires features InPlacePodLevelResourcesVerticalScaling, InPlacePodVerticalScalingInitContainers which are not available on node "bare"$/,
    );
  });

  it('has nothing against a resize of containers and sidecars', async () => {
    const containers = [{ name: 'a', resources: RESOURCES }];
    const after = { containers, ...withInit('Always', RESOURCES) };
    assert.equal(await update(pod(withInit('Always'), 1), pod(after, 2)), 'admitted');
  });

  it('asks no node where none is needed', async () => {
    const after = { resources: RESOURCES };
    assert.equal(await update(pod({}, 1), pod(after, 2, '')), 'admitted');
    assert.equal(await update(pod({}, 1), pod(after, 1)), 'admitted');
    assert.equal(await update(pod({}, 1), pod(after, 2), 'status'), 'admitted');
    assert.match(String(await update(pod({}, 1), pod(after, 2, 'none'))), /node "none" not found$/);
  });
});
