/** What the status of a pod says of it as a whole, and what is read back from it: pure tables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec, ResourceRequirements } from '#api/gen/core-v1.ts';
import { CPU_QUOTAS } from '../cgroups/cfs.ts';
import { type CgroupLimits, podCgroupLimits } from '../cgroups/pod-cgroup.ts';
import { allocationFromStatus } from './rebuild.ts';
import { wholeResources } from './whole-resources.ts';

function podOf(resources?: ResourceRequirements, over: Partial<PodSpec> = {}): Pod {
  const own = { requests: { cpu: '100m', 'ephemeral-storage': '1Gi' }, limits: { cpu: '1' } };
  return {
    spec: {
      containers: [{ name: 'a', resources: own }, { name: 'b' }],
      ...(resources === undefined ? {} : { resources }),
      ...over,
    },
  };
}

const BOTH = { requests: { cpu: '1', memory: '64Mi' }, limits: { cpu: '2', memory: '128Mi' } };
const given = (limits: Partial<CgroupLimits>, periodUs = 100_000) => ({
  limits,
  quotas: { ...CPU_QUOTAS, periodUs },
});
const held = (pod: Pod) => given(podCgroupLimits(pod));

describe('wholeResources', () => {
  it('says what is allocated in all, of a pod that does not run', () => {
    assert.deepEqual(wholeResources(podOf(), undefined), {
      allocatedResources: { cpu: '100m', 'ephemeral-storage': '1Gi' },
      resources: {
        requests: { cpu: '100m', 'ephemeral-storage': '1Gi' },
        limits: { cpu: '1' },
      },
    });
  });

  it('says nothing of a pod that asks for nothing', () => {
    const pod: Pod = { spec: { containers: [{ name: 'a' }] } };
    assert.deepEqual(wholeResources(pod, undefined), {});
    assert.deepEqual(wholeResources(pod, given({ cpuShares: 2 })), {});
  });

  for (const [claim, pod, actual, resources] of [
    ['the allocated text where the cgroup holds it', podOf(BOTH), held(podOf(BOTH)), BOTH],
    [
      'the same where a weight of version 2 is coarser',
      podOf(BOTH),
      given({ ...podCgroupLimits(podOf(BOTH)), cpuShares: 1000 }),
      BOTH,
    ],
    [
      'what the cgroup holds where that is other',
      podOf(BOTH),
      given({ cpuShares: 2048, cpuQuotaUs: 50_000, memoryBytes: 2 ** 20 }),
      { requests: { cpu: '2', memory: '64Mi' }, limits: { cpu: '500m', memory: '1Mi' } },
    ],
    [
      'quotas by their period',
      podOf(BOTH),
      given({ ...podCgroupLimits(podOf(BOTH)), cpuQuotaUs: 50_000 }, 50_000),
      { ...BOTH, limits: { ...BOTH.limits, cpu: '1' } },
    ],
    [
      'no limit that the cgroup has not, but for the asked',
      podOf({ limits: { cpu: '2' } }),
      given({ cpuShares: 102 }),
      { requests: { cpu: '100m' }, limits: { cpu: '2' } },
    ],
    [
      'the request that a container makes up',
      podOf(),
      held(podOf()),
      { requests: { cpu: '100m' } },
    ],
    [
      'requests below what the kernel can do as they are',
      podOf({ requests: { cpu: '1m' } }),
      given({ cpuShares: 2 }),
      { requests: { cpu: '1m' } },
    ],
    [
      'a share that is more than asked for',
      podOf({ requests: { cpu: '1m' } }),
      given({ cpuShares: 1024 }),
      { requests: { cpu: '1' } },
    ],
    [
      'all with the overhead',
      podOf(BOTH, { overhead: { cpu: '500m' } }),
      held(podOf(BOTH, { overhead: { cpu: '500m' } })),
      { requests: { cpu: '1500m', memory: '64Mi' }, limits: { cpu: '2500m', memory: '128Mi' } },
    ],
  ] as const) {
    it(`shows of a pod that runs ${claim}`, () => {
      assert.deepEqual(wholeResources(pod, actual).resources, resources);
    });
  }
});

describe('allocationFromStatus of the whole pod', () => {
  const told = (pod: Pod, asked: ResourceRequirements): unknown =>
    allocationFromStatus({
      spec: { ...podOf(asked, pod.spec).spec, resources: asked } as PodSpec,
      status: wholeResources(pod, held(pod)),
    }).pod;

  it('is what the status says, not what is asked for now', () => {
    const more = { requests: { cpu: '3', memory: '1Gi' }, limits: { cpu: '4', memory: '1Gi' } };
    assert.deepEqual(told(podOf(BOTH), more), BOTH);
    assert.deepEqual(told(podOf(BOTH, { overhead: { cpu: '500m' } }), more), {
      requests: { cpu: '1', memory: '64Mi' },
      limits: { cpu: '2', memory: '128Mi' },
    });
  });

  it('leaves out what is asked for only now', () => {
    assert.deepEqual(told(podOf({ requests: { cpu: '1' } }), { limits: { memory: '1Gi' } }), {
      requests: {},
      limits: {},
    });
  });

  it('is what is asked for when the status says nothing', () => {
    assert.deepEqual(allocationFromStatus(podOf(BOTH)).pod, BOTH);
    assert.equal('pod' in allocationFromStatus(podOf()), false);
  });
});
