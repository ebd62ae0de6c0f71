/** What is changed, in which order, and what the status shows of it: pure tables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import type { CgroupLimits } from '../cgroups/pod-cgroup.ts';
import type { ObservedPod, RuntimeResources } from '../pod/observed.ts';
import { actualResources } from './actual.ts';
import {
  type Actuated,
  isIdle,
  isSettled,
  memoryFault,
  planResize,
  type ResizeStep,
  resizeSteps,
} from './plan-resize.ts';
import { observedContainer, observedPod } from '#kit/kubelet/observed.ts';
import { compareResizes } from './resize-order.ts';

function sized(cpu: string, memory: string): ResourceRequirements {
  return { requests: { cpu, memory }, limits: { cpu, memory } };
}

function podOf(sizes: Readonly<Record<string, ResourceRequirements>>): Pod {
  const containers = Object.entries(sizes).map(
    ([name, resources]): Container => ({ name, resources }),
  );
  return { spec: { containers } };
}

function observe(...names: string[]): ObservedPod {
  return observedPod(...names.map((name) => observedContainer({ id: `id-${name}`, name })));
}

/** `pod cpuQuotaUs=1`, `a memory`: a step in words. */
function words(step: ResizeStep): string {
  if ('pod' in step)
    return `pod ${Object.entries(step.pod)
      .map((pair) => pair.join('='))
      .join()}`;
  return `${step.container.container.name} ${step.resource}`;
}

/** Each container has this, and the pod as a whole nothing unless said. */
function told(each: ResourceRequirements, whole: ResourceRequirements | undefined = {}): Actuated {
  return { of: () => each, whole, isUnfinished: false };
}

const OLD = sized('1', '64Mi');
const CURRENT: CgroupLimits = { cpuShares: 2048, cpuQuotaUs: 200_000, memoryBytes: 128 };

describe('planResize and resizeSteps', () => {
  const rows: readonly [
    claim: string,
    sizes: readonly [string, string],
    memory: readonly [string, string],
    wanted: CgroupLimits,
    steps: readonly string[],
  ][] = [
    [
      'raises the pod before its containers',
      ['2', '3'],
      ['64Mi', '96Mi'],
      { cpuShares: 5120, cpuQuotaUs: 500_000, memoryBytes: 160 },
      [
        'pod memoryBytes=160',
        'b memory',
        'pod cpuQuotaUs=500000',
        'pod cpuShares=5120',
        'a cpu',
        'b cpu',
      ],
    ],
    [
      'lowers the pod after its containers',
      ['500m', '1'],
      ['64Mi', '32Mi'],
      { cpuShares: 1536, cpuQuotaUs: 150_000, memoryBytes: 96 },
      ['b memory', 'pod memoryBytes=96', 'a cpu', 'pod cpuShares=1536', 'pod cpuQuotaUs=150000'],
    ],
    [
      'lowers one container before it raises another',
      ['2', '500m'],
      ['96Mi', '32Mi'],
      CURRENT,
      ['b memory', 'a memory', 'b cpu', 'a cpu'],
    ],
    ['does nothing when all is as it shall be', ['1000m', '1'], ['65536Ki', '64Mi'], CURRENT, []],
  ];
  for (const [claim, [a, b], [memoryA, memoryB], wanted, steps] of rows) {
    it(claim, () => {
      const pod = podOf({ a: sized(a, memoryA), b: sized(b, memoryB) });
      const plan = planResize(pod, observe('a', 'b'), told(OLD));
      assert.deepEqual(resizeSteps(plan, CURRENT, wanted).map(words), steps);
    });
  }

  it('leaves out what does not run', () => {
    const plan = planResize(podOf({ a: sized('2', '1Mi') }), observe('b'), told(OLD));
    assert.deepEqual(resizeSteps(plan, CURRENT, CURRENT), []);
  });

  it('gives a first limit to the containers, then to the pod, and takes none away', () => {
    const plan = planResize(podOf({ a: OLD }), observe('a'), told({}));
    const steps = resizeSteps(plan, { cpuShares: 1024 }, { cpuShares: 1024, memoryBytes: 64 });
    assert.deepEqual(steps.map(words), ['a memory', 'pod memoryBytes=64', 'a cpu']);
    assert.deepEqual(resizeSteps(plan, CURRENT, { cpuShares: 2048 }).map(words), [
      'a memory',
      'a cpu',
    ]);
  });

  it('knows the limit that the pod lends to a container', () => {
    const pod: Pod = { spec: { containers: [{ name: 'a' }], resources: { limits: { cpu: '2' } } } };
    const plan = planResize(pod, observe('a'), told({ limits: { cpu: '2' } }));
    assert.deepEqual(plan.cpu, []);
  });
});

describe('the whole pod', () => {
  const whole = (cpu: string): ResourceRequirements => ({ limits: { cpu } });
  const pod: Pod = { spec: { containers: [], resources: whole('2') } };
  const sandbox = { id: 's', attempt: 0, ready: true, createdMs: 0, hostNetwork: false, ips: [] };
  const bare: Pod = { spec: { containers: [] } };
  const started: ObservedPod = { ...observe(), sandboxes: [sandbox] };
  const stopped = { ...started, sandboxes: [{ ...sandbox, ready: false }] };

  for (const [claim, of, observed, actuated, expected] of [
    ['is changed when it was given less', pod, started, whole('1'), 'changed'],
    ['is changed when it has something now', pod, started, {}, 'changed'],
    ['is changed when it has nothing now', bare, started, pod.spec?.resources, 'changed'],
    ['is as it shall be, however it is written', pod, started, whole('2000m'), 'settled'],
    ['is not known when that was forgotten', pod, started, undefined, 'unknown'],
    ['needs no look when nothing is asked', bare, started, undefined, 'settled'],
    ['is left alone while it has no sandbox', pod, stopped, whole('1'), 'settled'],
  ] as const) {
    it(claim, () => {
      const plan = planResize(of, observed, { ...told({}), whole: actuated });
      assert.equal(plan.whole, expected);
      assert.deepEqual(
        [isIdle(plan), isSettled(plan)],
        [expected === 'settled', expected !== 'changed'],
      );
    });
  }

  it('lends more to a container that has no limit of its own, within its own', () => {
    const lent: Pod = { spec: { containers: [{ name: 'a' }], resources: whole('2') } };
    const plan = planResize(lent, { ...observe('a'), sandboxes: [sandbox] }, told(whole('1')));
    const limits = { cpuShares: 2, cpuQuotaUs: 200_000 };
    const more = resizeSteps(plan, { cpuShares: 2, cpuQuotaUs: 100_000 }, limits);
    assert.deepEqual(more.map(words), ['pod cpuQuotaUs=200000', 'a cpu']);
    const less = resizeSteps(plan, { cpuShares: 2, cpuQuotaUs: 300_000 }, limits);
    assert.deepEqual(less.map(words), ['a cpu', 'pod cpuQuotaUs=200000']);
  });
});

describe('memoryFault', () => {
  const plan = planResize(podOf({ a: sized('1', '32Mi') }), observe('a'), told(OLD));
  const steps = resizeSteps(plan, CURRENT, { ...CURRENT, memoryBytes: 96 });
  const mebi = 2 ** 20;
  for (const [claim, pod, container, fault] of [
    ['is none below the new limits', 95, 31 * mebi, undefined],
    [
      'names the pod',
      96,
      1,
      'cannot decrease memory limits: attempting to set pod memory limit (96) below current usage (96)',
    ],
    [
      'names all',
      97,
      32 * mebi,
      'cannot decrease memory limits: [attempting to set container "a" memory limit (33554432) below current usage (33554432), attempting to set pod memory limit (96) below current usage (97)]',
    ],
    [
      'is that nobody knows',
      undefined,
      1,
      'cannot decrease memory limits: missing pod memory usage',
    ],
  ] as const) {
    it(claim, () => {
      const usage = { pod, containers: new Map([['id-a', container]]) };
      assert.equal(memoryFault(steps, CURRENT, usage), fault);
    });
  }

  it('does not ask about what grows', () => {
    const grows = resizeSteps(plan, { ...CURRENT, memoryBytes: 1 }, CURRENT).slice(0, 1);
    assert.equal(
      memoryFault(grows, { memoryBytes: 1 }, { pod: 1000, containers: new Map() }),
      undefined,
    );
  });
});

describe('actualResources', () => {
  const given = (
    cpuShares: number,
    cpuQuota: number,
    memoryLimitBytes: number,
  ): RuntimeResources => ({
    cpuShares,
    cpuQuota,
    cpuPeriod: 100_000,
    memoryLimitBytes,
  });
  const rows: readonly [
    claim: string,
    allocated: ResourceRequirements | undefined,
    given: RuntimeResources | undefined,
    shown: ResourceRequirements,
  ][] = [
    ['is what is allocated while nothing runs', OLD, undefined, OLD],
    [
      'rounds to what was asked',
      sized('20m', '1Gi'),
      given(20, 2000, 2 ** 30),
      sized('20m', '1Gi'),
    ],
    [
      'shows what the container really has',
      OLD,
      given(512, 50_000, 2 ** 25),
      {
        requests: { cpu: '500m', memory: '64Mi' },
        limits: { cpu: '500m', memory: '32Mi' },
      },
    ],
    [
      'keeps the text below what the kernel can do',
      sized('1m', '5M'),
      given(2, 1000, 5_000_000),
      {
        requests: { cpu: '1m', memory: '5M' },
        limits: { cpu: '1m', memory: '5M' },
      },
    ],
    [
      'adds nothing that was not asked',
      { requests: { memory: '1Mi' } },
      given(2, 0, 0),
      {
        requests: { memory: '1Mi' },
      },
    ],
    ['is empty for what asks for nothing', undefined, given(2, -1, 0), {}],
  ];
  for (const [claim, allocated, runtime, shown] of rows) {
    it(claim, () => assert.deepEqual(actualResources(allocated, runtime), shown));
  }
});

describe('compareResizes', () => {
  const waiting = (name: string, cpu: string, spec: object = {}, waitsSince?: string) => ({
    pod: { metadata: { name }, spec: { ...podOf({ a: { requests: { cpu } } }).spec!, ...spec } },
    allocated: podOf({ a: { requests: { cpu: '2' } } }),
    ...(waitsSince === undefined ? {} : { waitsSince }),
  });
  it('puts first who gives back, then the more important, then who waits longer', () => {
    const guaranteed = { containers: [{ name: 'a', resources: sized('3', '1Mi') }] };
    const all = [
      waiting('new', '3'),
      waiting('later', '3', {}, '2026-01-02T00:00:00Z'),
      waiting('earlier', '3', {}, '2026-01-01T00:00:00Z'),
      waiting('guaranteed', '3', guaranteed),
      waiting('high', '3', { priority: 7 }),
      waiting('less', '1', { priority: -5 }),
    ];
    assert.deepEqual(
      all.toSorted(compareResizes).map(({ pod }) => pod.metadata.name),
      ['less', 'high', 'guaranteed', 'earlier', 'later', 'new'],
    );
  });
});
