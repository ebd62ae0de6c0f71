/** Signs of life and their absence. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '#api/gen/coordination-v1.ts';
import { node } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { assessNode, type Assessment, type NodeMemory } from './health.ts';
import { labelChange, noScheduleChange } from './upkeep.ts';
import { Zones } from './zones.ts';

const GRACES = { startupMs: 60_000, monitorMs: 50_000 };
const lease = (renewTime: string): Lease => ({ spec: { renewTime } });

function assess(
  text: string,
  seconds: number,
  facts: { memory?: NodeMemory; lease?: Lease; setForwardMs?: number } = {},
): Assessment {
  const nowMs = VIRTUAL_START_MS + seconds * 1000;
  return assessNode(node(text), facts.lease, {
    memory: facts.memory,
    graces: GRACES,
    nowMs: nowMs + (facts.setForwardMs ?? 0),
    monotonicMs: seconds * 1000,
  });
}

describe('assessNode', () => {
  it('gives a node its grace from when this process first saw it', () => {
    const first = assess('a heartbeat=0', 1_000);
    assert.equal(first.conditions, undefined);
    assert.equal(first.current, 'True');
    assert.equal(assess('a heartbeat=0', 1_050, { memory: first.memory }).conditions, undefined);
    const dead = assess('a heartbeat=0', 1_051, { memory: first.memory });
    assert.deepEqual([dead.observed, dead.current], ['True', 'Unknown']);
  });

  it('gives a node its whole grace though the wall clock is set forward by an hour', () => {
    const { memory } = assess('a heartbeat=0', 1_000);
    const facts = { memory, setForwardMs: 3_600_000 };
    assert.equal(assess('a heartbeat=0', 1_050, facts).current, 'True');
    assert.equal(assess('a heartbeat=0', 1_051, facts).current, 'Unknown');
  });

  it('leaves the conditions of a node alone that is not known already', () => {
    const { memory } = assess('a', 0);
    const { conditions } = assess('a', 51, { memory });
    const lost = node('a');
    lost.status!.conditions = conditions!.map((condition) =>
      condition.type === 'DiskPressure' ? { ...condition, status: 'True' as const } : condition,
    );
    const facts = { memory, graces: GRACES, nowMs: VIRTUAL_START_MS, monotonicMs: 60_000 };
    const { current, conditions: written } = assessNode(lost, undefined, facts);
    assert.deepEqual([current, written], ['Unknown', undefined]);
  });

  it('says what it no longer knows, in the kubelet’s place', () => {
    const { memory } = assess('a', 0);
    const { conditions } = assess('a', 51, { memory });
    assert.deepEqual(
      conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
      [
        ['Ready', 'Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
        [
          'MemoryPressure',
          'Unknown',
          'NodeStatusNeverUpdated',
          'Kubelet never posted node status.',
        ],
        ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.'],
        ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.'],
      ],
    );
  });

  it('takes a renewed lease, or a new heartbeat, as a sign of life', () => {
    const { memory } = assess('a heartbeat=0', 0, { lease: lease('2026-01-01T00:00:00.000000Z') });
    const renewed = assess('a heartbeat=0', 40, {
      memory,
      lease: lease('2026-01-01T00:00:40.000000Z'),
    });
    assert.equal(assess('a heartbeat=0', 90, { memory: renewed.memory }).conditions, undefined);
    const beaten = assess('a heartbeat=40', 40, { memory });
    assert.equal(assess('a heartbeat=40', 90, { memory: beaten.memory }).conditions, undefined);
    assert.notEqual(assess('a heartbeat=40', 91, { memory: beaten.memory }).conditions, undefined);
  });

  it('takes a lease that is renewed by a clock that was set back as a sign of life too', () => {
    const { memory } = assess('a heartbeat=0', 0, { lease: lease('2026-01-01T00:00:00.000000Z') });
    const renewed = assess('a heartbeat=0', 40, {
      memory,
      lease: lease('2025-12-31T23:59:00.000000Z'),
    });
    assert.equal(assess('a heartbeat=0', 90, { memory: renewed.memory }).conditions, undefined);
  });

  it('gives a node that never reported the longer grace, from its creation', () => {
    const { memory, current } = assess('a ready=none created=0', 30);
    assert.equal(current, undefined);
    assert.equal(assess('a ready=none created=0', 60, { memory }).conditions, undefined);
    assert.equal(assess('a ready=none created=0', 61, { memory }).current, 'Unknown');
  });

  it('writes a dead node once', () => {
    const { memory } = assess('a ready=Unknown', 0);
    const again = assessNode(
      {
        ...node('a'),
        status: {
          conditions: ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
            type,
            status: 'Unknown',
          })),
        },
      },
      undefined,
      { memory, graces: GRACES, nowMs: VIRTUAL_START_MS + 99_000, monotonicMs: 99_000 },
    );
    assert.deepEqual([again.current, again.conditions], ['Unknown', undefined]);
  });
});

describe('noScheduleChange', () => {
  it('follows the conditions', () => {
    const keys = (text: string): string[] => noScheduleChange(node(text)).add.map(({ key }) => key);
    assert.deepEqual(keys('a ready=False'), ['node.kubernetes.io/not-ready']);
    assert.deepEqual(keys('a ready=Unknown'), ['node.kubernetes.io/unreachable']);
    assert.deepEqual(keys('a ready=True'), []);
  });
  it('takes off its own taints only', () => {
    const remove = (text: string): number => noScheduleChange(node(text)).remove.length;
    assert.equal(remove('a taint=node.kubernetes.io/not-ready:NoSchedule'), 1);
    assert.equal(remove('a taint=dedicated:NoSchedule'), 0);
    assert.equal(remove('a taint=node.kubernetes.io/not-ready:NoExecute'), 0);
  });
});

describe('labelChange', () => {
  it('keeps the old spelling of a label in step', () => {
    const subject = node('a');
    subject.metadata!.labels = {
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'arm64',
      'beta.kubernetes.io/arch': 'amd64',
    };
    assert.deepEqual(labelChange(subject), {
      'beta.kubernetes.io/os': 'linux',
      'beta.kubernetes.io/arch': 'arm64',
    });
  });
});

describe('Zones', () => {
  const ready = (good: number, bad: number): boolean[] => [
    ...Array.from({ length: good }, () => true),
    ...Array.from({ length: bad }, () => false),
  ];

  it('gives up one node at once and then one every ten seconds', () => {
    const zones = new Zones();
    zones.update(new Map([['z', ready(8, 2)]]), 0);
    for (const name of ['a', 'b', 'c']) zones.add('z', name, 0);
    assert.deepEqual(zones.take(0), ['a']);
    assert.deepEqual(zones.take(9_000), []);
    assert.deepEqual(zones.take(10_000), ['b']);
    assert.deepEqual(zones.take(20_000), ['c']);
  });

  it('gives up nobody in a small zone of which more than half is gone', () => {
    const zones = new Zones();
    zones.update(
      new Map([
        ['z', ready(4, 6)],
        ['y', ready(5, 0)],
      ]),
      0,
    );
    assert.equal(zones.stateOf('z'), 'PartialDisruption');
    zones.add('z', 'a', 0);
    assert.deepEqual(zones.take(1_000_000), []);
  });

  it('goes slower in a large one', () => {
    const zones = new Zones();
    zones.update(
      new Map([
        ['z', ready(20, 40)],
        ['y', ready(5, 0)],
      ]),
      0,
    );
    zones.add('z', 'a', 0);
    zones.add('z', 'b', 0);
    assert.deepEqual(zones.take(0), ['a']);
    assert.deepEqual(zones.take(99_000), []);
    assert.deepEqual(zones.take(100_000), ['b']);
  });

  it('stops when everything is dark, and says when it begins and ends', () => {
    const zones = new Zones();
    zones.update(new Map([['z', ready(3, 0)]]), 0);
    assert.equal(zones.update(new Map([['z', ready(0, 3)]]), 0).entersFullDisruption, true);
    zones.add('z', 'a', 0);
    assert.deepEqual(zones.take(1_000_000), []);
    assert.equal(zones.update(new Map([['z', ready(0, 3)]]), 0).entersFullDisruption, false);
    assert.equal(zones.update(new Map([['z', ready(1, 2)]]), 0).leavesFullDisruption, true);
  });

  it('goes on in one dark zone while another is well', () => {
    const zones = new Zones();
    zones.update(
      new Map([
        ['z', ready(0, 3)],
        ['y', ready(3, 0)],
      ]),
      0,
    );
    zones.add('z', 'a', 0);
    assert.deepEqual(zones.take(0), ['a']);
  });
});
