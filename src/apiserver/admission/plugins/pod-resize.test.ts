import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { NODES } from '../targets.ts';
import { podResize } from './pod-resize.ts';

const pod = (cpu: string, generation: number, nodeName = 'n1'): Pod => ({
  metadata: { name: 'web', generation },
  spec: { nodeName, containers: [{ name: 'a', resources: { requests: { cpu } } }] },
});

describe('PodResizeValidator', () => {
  const bench = new AdmissionBench();
  bench.reader.put(NODES, {
    metadata: { name: 'n1' },
    status: { allocatable: { cpu: '2', memory: '1Gi' } },
  });
  bench.reader.put(NODES, { metadata: { name: 'w', labels: { 'kubernetes.io/os': 'windows' } } });
  const resize = (object: Pod) =>
    bench.run(podResize(bench.services), {
      plural: 'pods',
      subresource: 'resize',
      operation: 'UPDATE',
      object,
      old: pod('1', 1),
    });

  it('lets a pod grow up to what its node has', async () => {
    assert.equal(await resize(pod('2', 2)), 'admitted');
    assert.match(
      String(await resize(pod('2100m', 2))),
      /allocatable resources: cpu, requested: 2100, allocatable: 2000$/,
    );
  });

  it('needs a node, and one of Linux', async () => {
    assert.match(String(await resize(pod('1', 2, 'none'))), /node "none" not found$/);
    assert.match(String(await resize(pod('1', 2, 'w'))), /node "w" is "windows"$/);
  });

  it('looks at nothing where the spec stays', async () => {
    assert.equal(await resize(pod('9', 1)), 'admitted');
  });
});
