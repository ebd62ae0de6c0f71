/** What a pass of a volume that is recycled does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, Pod, PodStatus } from '#api/gen/core-v1.ts';
import { planRecycler, RECYCLER_TIMEOUTS, recycledVolume, recyclerName } from './recycle.ts';

const disk: PersistentVolume = {
  metadata: { name: 'disk' },
  spec: { capacity: { storage: '1Gi' }, hostPath: { path: '/d' } },
};

interface Extra {
  readonly volume?: PersistentVolume;
  readonly status?: PodStatus;
  readonly isOurs?: boolean;
  readonly users?: readonly string[];
}

function planned({ volume = disk, status, isOurs = false, users = [] }: Extra): string {
  const pod: Pod | undefined = status && { metadata: { name: recyclerName(volume) }, status };
  const timeouts = RECYCLER_TIMEOUTS;
  const plan = planRecycler({ volume, pod, isOurs, users, timeouts });
  return 'tell' in plan ? `${plan.do} ${plan.tell.reason}: ${plan.tell.message}` : plan.do;
}

describe('a volume that is recycled', () => {
  const failed = 'fail VolumeFailedRecycle: Recycle failed:';
  const rows: readonly (readonly [what: string, world: Extra, plan: string])[] = [
    ['gets a Pod', {}, 'start'],
    [
      'waits for those that use it still',
      { users: ['shop/a', 'shop/b'] },
      'tell VolumeFailedRecycle: Volume is used by pods: shop/a,shop/b',
    ],
    [
      'must be of a kind that can be emptied',
      { volume: { ...disk, spec: { local: { path: '/d' } } } },
      'fail VolumeFailedRecycle: No recycler plugin found for the volume!',
    ],
    [
      'does not trust a Pod from before',
      { status: {} },
      `${failed} old recycler pod found, will retry later`,
    ],
    ['waits for its Pod', { isOurs: true, status: { phase: 'Running' } }, 'wait'],
    [
      'is empty',
      { isOurs: true, status: { phase: 'Succeeded' } },
      'done VolumeRecycled: Volume recycled',
    ],
    [
      'tells why its Pod failed',
      { isOurs: true, status: { phase: 'Failed', message: 'too late' } },
      `${failed} failed to recycle volume: too late`,
    ],
    [
      'tells that its Pod failed',
      { isOurs: true, status: { phase: 'Failed' } },
      `${failed} failed to recycle volume: pod failed, pod.Status.Message unknown`,
    ],
    [
      'tells that its Pod was deleted',
      { isOurs: true },
      `${failed} failed to recycle volume: recycler pod was deleted`,
    ],
  ];
  for (const [what, world, wanted] of rows) it(what, () => assert.equal(planned(world), wanted));

  it('has more time the larger it is, and a mount of what it is', () => {
    const volume = (storage: string): PersistentVolume => ({
      metadata: { name: 'share' },
      spec: { capacity: { storage }, nfs: { server: 's', path: '/p' } },
    });
    const podOf = (storage: string): Pod => {
      const world = { volume: volume(storage), pod: undefined, isOurs: false, users: [] };
      const plan = planRecycler({ ...world, timeouts: RECYCLER_TIMEOUTS });
      assert.ok(plan.do === 'start');
      return plan.pod;
    };
    assert.equal(podOf('1Gi').spec?.activeDeadlineSeconds, 300);
    assert.equal(podOf('11Gi').spec?.activeDeadlineSeconds, 330);
    assert.deepEqual(podOf('1Gi').spec?.volumes, [
      { name: 'vol', nfs: { server: 's', path: '/p' } },
    ]);
    assert.equal(recycledVolume(podOf('1Gi')), 'share');
    assert.equal(
      recycledVolume({ metadata: { name: 'recycler-for-x', namespace: 'shop' } }),
      undefined,
    );
  });
});
