/** Worlds and what a Deployment does in them, row by row. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import { deployment, replicaSet } from '#kit/builders.ts';
import { type Plan, planDeployment } from './plan.ts';
import { divide, newAnnotations, replicasOf, REVISION } from './replica-sets.ts';
import { templateHash } from '../shared/template-hash.ts';

interface World {
  readonly spec: string;
  readonly sets: readonly string[];
  readonly oldPodsRunning?: boolean;
}

function plan({ spec, sets, oldPodsRunning = false }: World): Plan {
  const subject = deployment(spec);
  const { newRs, oldRss } = divide(subject, sets.map(replicaSet));
  return planDeployment({
    deployment: subject,
    newRs,
    oldRss,
    oldPodsRunning: () => oldPodsRunning,
  });
}

/** `v1: 10 -> 8`, and `new: 3` for what is created. */
function moves({ create, updates }: Plan): string[] {
  const resized = updates
    .filter(({ before, after }) => replicasOf(before) !== replicasOf(after))
    .map(
      ({ before, after }) =>
        `${before.metadata?.name}: ${replicasOf(before)} -> ${replicasOf(after)}`,
    );
  return [...(create === undefined ? [] : [`new: ${replicasOf(create)}`]), ...resized];
}

// The annotations of an undisturbed ReplicaSet of a Deployment of ten.
const TEN = 'desired=10 max=13';

describe('planDeployment', () => {
  const rows: readonly [claim: string, world: World, expected: readonly string[]][] = [
    [
      'creates the first ReplicaSet at full size',
      { spec: 'replicas=3 image=v1', sets: [] },
      ['new: 3'],
    ],
    [
      'does nothing when all is as it should be',
      { spec: 'replicas=3 image=v1', sets: ['v1 replicas=3 revision=1 desired=3 max=4'] },
      [],
    ],
    [
      'starts a rollout with the surge, and takes away what may be unavailable',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [`v1 replicas=10 revision=1 ${TEN}`],
      },
      ['new: 3', 'v1: 10 -> 8'],
    ],
    [
      'grows into the room that the old one left',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [
          `v1 replicas=8 revision=1 ${TEN}`,
          `v2 replicas=3 available=0 revision=2 ${TEN} created=1`,
        ],
      },
      ['v2: 3 -> 5'],
    ],
    [
      'does not count on room that is still occupied',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [
          `v1 replicas=8 actual=10 revision=1 ${TEN}`,
          `v2 replicas=3 available=0 revision=2 ${TEN} created=1`,
        ],
      },
      [],
    ],
    [
      'does not grow while a ReplicaSet may have Pods that it has not reported',
      {
        spec: 'replicas=10 image=v3 surge=3 unavailable=2',
        sets: [
          `v1 replicas=5 revision=1 ${TEN}`,
          `v2 replicas=0 revision=2 ${TEN} created=1 unseen`,
          `v3 replicas=3 available=0 revision=3 ${TEN} created=2`,
        ],
      },
      [],
    ],
    [
      'waits while the new Pods are not available',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [
          `v1 replicas=8 revision=1 ${TEN}`,
          `v2 replicas=5 available=0 revision=2 ${TEN} created=1`,
        ],
      },
      [],
    ],
    [
      'scales the old one down by as many as became available',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [
          `v1 replicas=8 revision=1 ${TEN}`,
          `v2 replicas=5 available=4 revision=2 ${TEN} created=1`,
        ],
      },
      ['v1: 8 -> 4'],
    ],
    [
      'never counts as available what is about to go',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [
          `v1 replicas=8 actual=10 available=10 revision=1 ${TEN}`,
          `v2 replicas=5 available=1 revision=2 ${TEN} created=1`,
        ],
      },
      ['v1: 8 -> 7'],
    ],
    [
      'scales nothing down on a status that is older than the last resize',
      {
        spec: 'replicas=10 image=v2 surge=3 unavailable=2',
        sets: [
          `v1 replicas=8 revision=1 ${TEN} unseen`,
          `v2 replicas=5 available=4 revision=2 ${TEN} created=1`,
        ],
      },
      [],
    ],
    [
      'removes unhealthy old Pods first, oldest ReplicaSet first',
      {
        spec: 'replicas=10 image=v3 surge=3 unavailable=2',
        sets: [
          `v1 replicas=5 available=2 revision=1 ${TEN}`,
          `v2 replicas=5 available=5 revision=2 ${TEN} created=1`,
          `v3 replicas=3 available=0 revision=3 ${TEN} created=2`,
        ],
      },
      ['v1: 5 -> 3'],
    ],
    [
      'goes on when both limits round to zero',
      {
        spec: 'replicas=1 image=v2 surge=0 unavailable=1%',
        sets: ['v1 replicas=1 revision=1 desired=1 max=1'],
      },
      ['new: 0', 'v1: 1 -> 0'],
    ],
    [
      'scales the only active ReplicaSet directly',
      { spec: 'replicas=7 image=v1', sets: ['v1 replicas=3 revision=1 desired=3 max=4'] },
      ['v1: 3 -> 7'],
    ],
    [
      'scales it up when the Pods of the others are gone',
      {
        spec: 'replicas=5 image=v3 surge=0 unavailable=50%',
        sets: [
          'v1 replicas=3 revision=1 desired=6 max=6',
          'v2 replicas=0 actual=3 revision=2 desired=6 max=6 created=1',
        ],
      },
      [],
    ],
    [
      'scales it up when the others have said what they have',
      {
        spec: 'replicas=5 image=v3 surge=0 unavailable=50%',
        sets: [
          'v1 replicas=3 revision=1 desired=6 max=6',
          'v2 replicas=0 revision=2 desired=6 max=6 created=1 unseen',
        ],
      },
      [],
    ],
    [
      'scales up in proportion when the Pods of the others are gone',
      {
        spec: 'replicas=20 image=v3 surge=6 unavailable=2',
        sets: [
          `v1 replicas=8 revision=1 ${TEN}`,
          `v2 replicas=0 actual=1 revision=2 ${TEN} created=1`,
          `v3 replicas=5 available=1 revision=3 ${TEN} created=2`,
        ],
      },
      [],
    ],
    [
      'scales in proportion in the middle of a rollout, the leftover to the largest',
      {
        spec: 'replicas=20 image=v2 surge=6 unavailable=2',
        sets: [
          `v1 replicas=8 revision=1 ${TEN}`,
          `v2 replicas=5 available=1 revision=2 ${TEN} created=1`,
        ],
      },
      ['v1: 8 -> 16', 'v2: 5 -> 10'],
    ],
    [
      'scales down in proportion too',
      {
        spec: 'replicas=5 image=v2 surge=1 unavailable=1',
        sets: [
          `v1 replicas=8 revision=1 ${TEN}`,
          `v2 replicas=4 available=1 revision=2 ${TEN} created=1`,
        ],
      },
      ['v1: 8 -> 4', 'v2: 4 -> 2'],
    ],
    [
      'scales everything to zero',
      {
        spec: 'replicas=0 image=v2 surge=3 unavailable=2',
        sets: [`v1 replicas=8 revision=1 ${TEN}`, `v2 replicas=4 revision=2 ${TEN} created=1`],
      },
      ['v1: 8 -> 0', 'v2: 4 -> 0'],
    ],
    [
      'resizes but does not roll while paused',
      { spec: 'replicas=5 image=v2 paused', sets: ['v1 replicas=3 revision=1 desired=3 max=4'] },
      ['v1: 3 -> 5'],
    ],
    [
      'creates nothing while paused',
      { spec: 'replicas=3 image=v2 paused', sets: ['v1 replicas=3 revision=1 desired=3 max=4'] },
      [],
    ],
    [
      'writes nothing when it is being deleted',
      { spec: 'replicas=3 image=v2 deleted', sets: ['v1 replicas=3 revision=1 desired=3 max=4'] },
      [],
    ],
    [
      'Recreate: first everything old to zero',
      { spec: 'replicas=3 image=v2 recreate', sets: ['v1 replicas=3 revision=1 desired=3 max=3'] },
      ['v1: 3 -> 0'],
    ],
    [
      'Recreate: waits for the last old Pod',
      {
        spec: 'replicas=3 image=v2 recreate',
        sets: ['v1 replicas=0 revision=1'],
        oldPodsRunning: true,
      },
      [],
    ],
    [
      'Recreate: waits for a ReplicaSet that may have made Pods since it was scaled down',
      { spec: 'replicas=3 image=v2 recreate', sets: ['v1 replicas=0 revision=1 unseen'] },
      [],
    ],
    [
      'Recreate: waits for a ReplicaSet that still has Pods',
      { spec: 'replicas=3 image=v2 recreate', sets: ['v1 replicas=0 actual=1 revision=1'] },
      [],
    ],
    [
      'Recreate: waits for Pods that are ending',
      { spec: 'replicas=3 image=v2 recreate', sets: ['v1 replicas=0 terminating=1 revision=1'] },
      [],
    ],
    [
      'Recreate: then creates the new one at full size',
      { spec: 'replicas=3 image=v2 recreate', sets: ['v1 replicas=0 revision=1'] },
      ['new: 3'],
    ],
    [
      'rolls back into the ReplicaSet that has the template',
      {
        spec: 'replicas=3 image=v1 surge=1 unavailable=0',
        sets: ['v1 replicas=0 revision=1', 'v2 replicas=3 revision=2 desired=3 max=4 created=1'],
      },
      ['v1: 0 -> 1'],
    ],
  ];
  for (const [claim, world, expected] of rows) {
    it(claim, () => assert.deepEqual(moves(plan(world)), expected));
  }

  it('lets the only active ReplicaSet remember a size that it has already', () => {
    const { updates } = plan({
      spec: 'replicas=1 image=v2 surge=0 unavailable=1',
      sets: [
        'v1 replicas=1 revision=1 desired=2 max=2',
        'v2 replicas=0 revision=2 desired=2 max=2 created=1',
      ],
    });
    const remembered = updates.map(
      ({ after }) => after.metadata?.annotations?.['deployment.kubernetes.io/desired-replicas'],
    );
    assert.deepEqual(remembered, ['1']);
  });

  it('numbers the new ReplicaSet after the highest revision, and names the size', () => {
    const { create } = plan({
      spec: 'replicas=10 image=v3 surge=3',
      sets: ['v1 revision=4', 'v2 revision=7'],
    });
    const { annotations } = create?.metadata ?? {};
    assert.equal(annotations?.[REVISION], '8');
    assert.equal(annotations?.['deployment.kubernetes.io/max-replicas'], '13');
    assert.equal(create?.metadata?.ownerReferences?.[0]?.uid, 'web');
  });

  it('gives Pods, selector and ReplicaSet the same hash', () => {
    const { create } = plan({ spec: 'replicas=1 image=v1', sets: [] });
    const hash = create?.metadata?.labels?.['pod-template-hash'];
    assert.equal(create?.metadata?.name, `web-${hash}`);
    assert.equal(create?.spec?.selector?.matchLabels?.['pod-template-hash'], hash);
    assert.equal(create?.spec?.template?.metadata?.labels?.['pod-template-hash'], hash);
  });

  it('moves the revision of a ReplicaSet that is rolled back to, and keeps the old ones', () => {
    const { updates } = plan({
      spec: 'replicas=3 image=v1',
      sets: ['v1 replicas=0 revision=1', 'v2 replicas=3 revision=2 desired=3 max=4 created=1'],
    });
    const after = updates.find(({ before }) => before.metadata?.name === 'v1')?.after;
    assert.equal(after?.metadata?.annotations?.[REVISION], '3');
    assert.equal(after?.metadata?.annotations?.['deployment.kubernetes.io/revision-history'], '1');
  });

  describe('history', () => {
    const complete = (
      sets: readonly string[],
      spec = 'replicas=1 image=now history=1',
    ): string[] => {
      const subject = deployment(spec);
      const { newRs, oldRss } = divide(subject, sets.map(replicaSet));
      const status = {
        replicas: 1,
        updatedReplicas: 1,
        availableReplicas: 1,
        observedGeneration: 1,
      };
      const world = {
        deployment: { ...subject, status },
        newRs,
        oldRss,
        oldPodsRunning: () => false,
      };
      return planDeployment(world).deletes.map(({ metadata }) => metadata?.name ?? '');
    };
    const now = 'now replicas=1 revision=9 desired=1 max=2 created=9';
    it('deletes the oldest revisions beyond the limit when the rollout is complete', () => {
      assert.deepEqual(complete([now, 'a revision=3', 'b revision=1', 'c revision=2']), ['b', 'c']);
    });
    it('keeps those that still have Pods or were not looked at', () => {
      assert.deepEqual(
        complete([now, 'a actual=1 revision=1', 'b revision=2 unseen', 'c revision=3']),
        [],
      );
    });
    it('deletes nothing before the rollout is complete', () => {
      const { deletes } = plan({
        spec: 'replicas=1 image=now history=0',
        sets: [now, 'a revision=1'],
      });
      assert.deepEqual(deletes, []);
    });
  });
});

describe('revisions', () => {
  it('are counted exactly where a float is not', () => {
    const { create } = plan({
      spec: 'replicas=1 image=v2',
      sets: ['v1 replicas=1 revision=3546343826724305832'],
    });
    assert.equal(create?.metadata?.annotations?.[REVISION], '3546343826724305833');
  });
});

describe('newAnnotations', () => {
  it('copies what users wrote, and nothing of kubectl or of its own', () => {
    const subject = deployment('replicas=1');
    subject.metadata!.annotations = {
      'kubernetes.io/change-cause': 'because',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      [REVISION]: '99',
    };
    const annotations = newAnnotations(subject, replicaSet('v1 revision=2'), 2n);
    assert.deepEqual(annotations, { 'kubernetes.io/change-cause': 'because', [REVISION]: '2' });
  });

  it('drops the oldest revisions when the history grows too long', () => {
    const rs: ReplicaSet = replicaSet('v1 revision=5000');
    const history = Array.from({ length: 399 }, (_, i) => String(1000 + i)).join(',');
    rs.metadata!.annotations!['deployment.kubernetes.io/revision-history'] = history;
    const annotations = newAnnotations(deployment(''), rs, 5001n);
    const next = annotations['deployment.kubernetes.io/revision-history'] ?? '';
    assert.ok(next.length <= 2000);
    assert.ok(next.endsWith(',5000'));
  });
});

describe('templateHash', () => {
  it('does not depend on the order of keys, and does on content and collisions', () => {
    const a = { metadata: { labels: { x: '1', y: '2' } }, spec: { containers: [] } };
    const b = { spec: { containers: [] }, metadata: { labels: { y: '2', x: '1' } } };
    assert.equal(templateHash(a, undefined), templateHash(b, undefined));
    assert.notEqual(templateHash(a, undefined), templateHash(a, 1));
    assert.match(templateHash(a, undefined), /^[bcdfghjklmnpqrstvwxz2456789]+$/);
  });
});
