/** The sums of what is on a node, and of what would be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aNode, aPod } from '#kit/scheduler-world.ts';
import { NodeEntry } from './node-entry.ts';
import { podInfo } from './pod-info.ts';

const info = (name: string, cpu: string) => podInfo(aPod(name, { cpu }));

describe('a node with guests', () => {
  it('counts them, and whatever happens to the node meanwhile', () => {
    const node = new NodeEntry('a');
    node.set(aNode('a'));
    const [first, second] = [info('first', '1'), info('second', '2')];
    node.add(first);
    const guests = [info('guest', '3')];
    const cpu = (): number => node.with(guests).requested.cpu;
    assert.deepEqual([cpu(), node.requested.cpu, node.pods.size], [4_000, 1_000, 1]);
    node.add(second);
    assert.equal(cpu(), 6_000);
    node.remove(first);
    assert.equal(cpu(), 5_000);
    node.set({ ...aNode('a'), spec: { unschedulable: true } });
    assert.equal(node.with(guests).unschedulable, true);
    assert.equal(node.with([]).requested.cpu, 2_000);
  });
});
