/** The workloads as data: their sizes, and that what is to fit fits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quantityMilli } from '#api/codec/quantity.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { ZONE_LABEL } from './objects.ts';
import { type Workload, workloads } from './workloads.ts';

const NODE_MILLI = 4_000;
const WHOLE = workloads({ nodes: 1, pods: 1 });

function named(name: string, of: readonly Workload[] = WHOLE): Workload {
  const found = of.find((workload) => workload.name === name);
  assert.ok(found, name);
  return found;
}

function cpuOf({ spec }: Pod): number {
  return quantityMilli(spec?.containers[0]?.resources?.requests?.['cpu'] ?? '0');
}

describe('scheduling workloads', () => {
  it('there are eleven, each with a name of its own', () => {
    assert.equal(new Set(WHOLE.map(({ name }) => name)).size, 11);
  });

  it('nodes have names and host names of their own, and their zones in turns', () => {
    const { nodes } = named('TopologySpreading');
    assert.equal(new Set(nodes.map(({ metadata }) => metadata?.name)).size, 5_000);
    const zones = nodes.slice(0, 4).map(({ metadata }) => metadata?.labels?.[ZONE_LABEL]);
    assert.deepEqual(zones, ['moon-1', 'moon-2', 'moon-3', 'moon-1']);
    for (const { metadata } of nodes.slice(0, 4))
      assert.equal(metadata?.labels?.['kubernetes.io/hostname'], metadata?.name);
  });

  it('a part of the nodes and pods keeps their proportion, and never comes to none', () => {
    const tenth = named('SchedulingBasic', workloads({ nodes: 0.1, pods: 0.1 }));
    assert.equal(tenth.nodes.length, 500);
    assert.equal(tenth.before[0]?.count, 100);
    assert.equal(tenth.measured.count, 1_000);
    assert.equal(named('Unschedulable', workloads({ nodes: 1, pods: 0.001 })).before[0]?.count, 1);
  });

  it('the pods that are measured have a namespace of their own', () => {
    for (const { before, measured } of WHOLE)
      assert.ok(before.every(({ namespace }) => namespace !== measured.namespace));
  });

  for (const workload of WHOLE.filter(({ name }) => name !== 'PreemptionBasic')) {
    it(`${workload.name}: the processors of its nodes do for all pods that are to be bound`, () => {
      const asked = [...workload.before, workload.measured]
        .filter(({ isBound }) => isBound)
        .reduce((sum, { pod, count }) => sum + cpuOf(pod) * count, 0);
      assert.ok(asked <= workload.nodes.length * NODE_MILLI, `${asked}`);
    });
  }

  it('PreemptionBasic: the first pods leave no node room for one of the others', () => {
    const { nodes, before, measured } = named('PreemptionBasic');
    const [first] = before;
    assert.ok(first);
    const perNode = first.count / nodes.length;
    assert.equal(perNode, Math.floor(NODE_MILLI / cpuOf(first.pod)));
    assert.ok(NODE_MILLI - perNode * cpuOf(first.pod) < cpuOf(measured.pod));
    assert.ok((measured.pod.spec?.priority ?? 0) > (first.pod.spec?.priority ?? 0));
  });
});
