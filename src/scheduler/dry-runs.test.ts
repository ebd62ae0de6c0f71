/** What was found for other pods is what would be found now. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { aNode, aPod, type PodWords, snapshotOf } from '#kit/scheduler-world.ts';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { scheduleOne } from './cycle.ts';
import { DryRuns } from './dry-runs.ts';
import { Nominator } from './nominator.ts';
import { podInfo } from './pod-info.ts';
import { PLUGINS } from './plugins/order.ts';
import { preempt, type PreemptionResult } from './preemption.ts';
import type { Snapshot } from './snapshot.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const SEEDS = 60;
const STEPS = 60;
const NODES = ['a', 'b', 'c', 'd', 'e'];

interface Parts {
  readonly cluster: Snapshot;
  readonly nominations: Nominator;
  readonly dryRuns?: DryRuns;
}

/** Undefined: the pod fits. */
function makeRoom(wanted: Pod, { dryRuns, ...parts }: Parts): PreemptionResult | undefined {
  const common = { ...parts, pod: podInfo(wanted), random: () => 0 };
  const refusal = scheduleOne({ ...common, plugins: PLUGINS, start: 0 });
  if (!('diagnosis' in refusal)) return undefined;
  const { diagnosis, run } = refusal;
  const memo = dryRuns === undefined ? {} : { dryRuns };
  return preempt({ ...common, ...memo, run, diagnosis, nowMs: NOW_MS });
}

/** The kinds of pods that make room: two of one kind are alike but for their names. */
const KINDS: readonly PodWords[] = [
  { cpu: '2', priority: 10 },
  { cpu: '3', priority: 10 },
  { cpu: '3', priority: 20 },
  { cpu: '2', priority: 10, tolerations: [{ operator: 'Exists' }] },
  { cpu: '2', priority: 10, nodeSelector: { disk: 'ssd' } },
];

describe('dry runs that are remembered', () => {
  it('find what new ones find, whatever happens to nodes, pods and nominations meanwhile', () => {
    let rooms = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const cluster = snapshotOf({ nodes: NODES.map((name) => aNode(name)) });
      const nominations = new Nominator();
      const dryRuns = new DryRuns();
      const name = (): string => random.pick(NODES);
      const steps: readonly (() => void)[] = [
        () => {
          const pod = aPod(`low-${random.below(40)}`, {
            cpu: `${1 + random.below(3)}`,
            priority: random.below(9),
          });
          cluster.setPod({ ...pod, spec: { containers: [], ...pod.spec, nodeName: name() } });
        },
        () => cluster.removePod(`default/low-${random.below(40)}`),
        () => {
          const labels = random.chance(0.5) ? { disk: 'ssd' } : {};
          const taints = random.chance(0.3) ? [{ key: 't', effect: 'NoSchedule' as const }] : [];
          cluster.setNode(aNode(name(), { labels, taints }));
        },
        () =>
          nominations.set(
            podInfo(aPod(`guest-${random.below(4)}`, random.pick(KINDS))),
            random.chance(0.3) ? '' : name(),
          ),
        () => {
          // Sometimes it is one of those that have a node kept for them.
          const who = random.chance(0.3) ? `guest-${random.below(4)}` : `new-${random.below(4)}`;
          const wanted = aPod(who, random.pick(KINDS));
          const now = makeRoom(wanted, { cluster, nominations });
          const known = makeRoom(wanted, { cluster, nominations, dryRuns });
          assert.deepEqual(known, now, `seed ${seed}`);
          if (now !== undefined && 'victims' in now) rooms++;
        },
      ];
      for (let step = 0; step < STEPS; step++) random.pick(steps)();
    }
    assert.ok(rooms > SEEDS, `${rooms}`);
  });

  it('do not count a pod against itself that has the node kept for it', () => {
    const cluster = snapshotOf({
      nodes: [aNode('a')],
      placed: [[aPod('low', { cpu: '2', priority: 1 }), 'a']],
    });
    const words = { cpu: '3', priority: 10 };
    const nominations = new Nominator();
    nominations.set(podInfo(aPod('guest', words)), 'a');
    const parts = { cluster, nominations, dryRuns: new DryRuns() };
    const stranger = makeRoom(aPod('new', words), parts);
    assert.ok(stranger !== undefined && 'message' in stranger);
    const guest = makeRoom(aPod('guest', words), parts);
    assert.ok(guest !== undefined && 'victims' in guest);
  });

  it('tell a pod with a host port from one without', () => {
    const cluster = snapshotOf({
      nodes: [aNode('a')],
      placed: [
        [aPod('low', { cpu: '4', priority: 1 }), 'a'],
        [aPod('keeper', { hostPort: 80, priority: 50 }), 'a'],
      ],
    });
    const parts = { cluster, nominations: new Nominator() };
    const dryRuns = new DryRuns();
    for (const words of [{}, { hostPort: 80 }]) {
      const wanted = aPod('p', { cpu: '4', priority: 10, ...words });
      assert.deepEqual(makeRoom(wanted, { ...parts, dryRuns }), makeRoom(wanted, parts));
    }
  });

  it('are not kept for a pod whose place depends on other nodes', () => {
    const cluster = snapshotOf({
      nodes: ['a', 'b'].map((name) => aNode(name, { labels: { zone: 'z' } })),
      placed: ['a', 'b'].map((node) => [aPod(`low-${node}`, { cpu: '4', priority: 1 }), node]),
    });
    const affinity = (app: string): NonNullable<PodWords['affinity']> => ({
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'zone', labelSelector: { matchLabels: { app } } },
        ],
      },
    });
    const parts = { cluster, nominations: new Nominator(), dryRuns: new DryRuns() };
    const wanted = aPod('p', { cpu: '4', priority: 10, affinity: affinity('web') });
    const first = makeRoom(wanted, parts);
    assert.ok(first !== undefined && 'victims' in first && first.node === 'a');
    // Nothing has changed on the first node, but it is out of reach now.
    const web = aPod('web', { labels: { app: 'web' }, priority: 100 });
    cluster.setPod({ ...web, spec: { containers: [], ...web.spec, nodeName: 'b' } });
    const again = makeRoom(wanted, parts);
    assert.deepEqual(again, makeRoom(wanted, { cluster, nominations: new Nominator() }));
    assert.ok(again !== undefined && !('victims' in again));
  });
});
