import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { aNode, aPod } from '#kit/scheduler-world.ts';
import { isAbout, nodeEvents, podEvents } from './cluster-events.ts';

describe('nodeEvents', () => {
  const heartbeat = (status: 'True' | 'False', at: string): Node => ({
    ...aNode('a'),
    status: {
      conditions: [
        {
          type: 'Ready',
          status,
          lastHeartbeatTime: at,
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    } as NonNullable<Node['status']>,
  });
  const rows: [what: string, before: Node, after: Node, actions: string[]][] = [
    [
      'nothing in a heartbeat',
      heartbeat('True', '2026-01-01T00:00:00Z'),
      heartbeat('True', '2026-01-01T00:00:10Z'),
      [],
    ],
    [
      'a condition',
      heartbeat('False', '2026-01-01T00:00:00Z'),
      heartbeat('True', '2026-01-01T00:00:10Z'),
      ['UpdateNodeCondition'],
    ],
    ['room', aNode('a', { cpu: '1' }), aNode('a'), ['UpdateNodeAllocatable']],
    ['labels', aNode('a'), aNode('a', { labels: { x: 'y' } }), ['UpdateNodeLabel']],
    [
      'labels and taints',
      aNode('a', { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
      aNode('a', { labels: { x: 'y' } }),
      ['UpdateNodeLabel', 'UpdateNodeTaint'],
    ],
    ['the end of a cordon', aNode('a', { unschedulable: true }), aNode('a'), ['UpdateNodeTaint']],
    ['nothing in a cordon', aNode('a'), aNode('a', { unschedulable: true }), []],
  ];
  for (const [what, before, after, actions] of rows) {
    it(`tells ${what}`, () => {
      assert.deepEqual(
        nodeEvents(before, after).map(({ action }) => action),
        actions,
      );
    });
  }
});

describe('podEvents', () => {
  const gates = [{ name: 'g' }];
  const rows: [what: string, before: Pod, after: Pod, actions: string[]][] = [
    ['labels', aPod('p'), aPod('p', { labels: { x: 'y' } }), ['UpdatePodLabel']],
    [
      'that it asks for less',
      aPod('p', { cpu: '2' }),
      aPod('p', { cpu: '1' }),
      ['UpdatePodScaleDown'],
    ],
    [
      'an update when it asks for more',
      aPod('p', { cpu: '1' }),
      aPod('p', { cpu: '2' }),
      ['Update'],
    ],
    [
      'the last gate',
      aPod('p', { schedulingGates: gates }),
      aPod('p'),
      ['UpdatePodSchedulingGatesEliminated'],
    ],
    [
      'an update when a gate is left',
      aPod('p', { schedulingGates: [...gates, { name: 'h' }] }),
      aPod('p', { schedulingGates: gates }),
      ['Update'],
    ],
    [
      'a toleration',
      aPod('p'),
      aPod('p', { tolerations: [{ operator: 'Exists' }] }),
      ['UpdatePodToleration'],
    ],
  ];
  const claims = { resourceClaimStatuses: [{ name: 'c', resourceClaimName: 'p-c' }] };
  const extended = { extendedResourceClaimStatus: { resourceClaimName: 'e', requestMappings: [] } };
  for (const status of [claims, extended])
    rows.push([
      `a claim that was made for it: ${Object.keys(status).join()}`,
      aPod('p'),
      aPod('p', { status }),
      ['UpdatePodGeneratedResourceClaim'],
    ]);
  for (const [what, before, after, actions] of rows) {
    it(`tells ${what}`, () => {
      assert.deepEqual(
        podEvents(before, after).map(({ action }) => action),
        actions,
      );
    });
  }

  it('are about an update where any is asked for, and only there', () => {
    const [event] = podEvents(aPod('p'), aPod('p', { labels: { x: 'y' } }));
    assert.ok(event !== undefined);
    assert.equal(isAbout({ resource: 'Pod', actions: ['Update'] }, event), true);
    assert.equal(isAbout({ resource: 'Pod', actions: ['UpdatePodToleration'] }, event), false);
    assert.equal(isAbout({ resource: 'Node', actions: ['Update'] }, event), false);
  });
});
