/** What thresholds mean, who is evicted first, and in which words: tables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { pressureRejection } from '../admission/pressure.ts';
import { storageExcess, hasStorageLimit } from './local-storage.ts';
import { binaryQuantity, pressureMessage } from './messages.ts';
import { mostUrgent, nextPressure, NO_PRESSURE, type PressureState } from './pressure.ts';
import { rankedForEviction } from './rank.ts';
import type { Observation, Observations, PodUse, Signal } from './signals.ts';
import {
  amountIn,
  type EvictionConfig,
  isMet,
  thresholdsOf,
  withContainerFs,
} from './thresholds.ts';

const MIB = 2 ** 20;
const ONE_DISK = { hasImageFs: false, hasContainerFs: false };

const texts = (config: EvictionConfig): string[] =>
  thresholdsOf(config).map(({ signal, amount, gracePeriodMs }) => {
    const observed = { available: 0, capacity: 1000 };
    return `${signal} ${amountIn(amount, observed)} ${gracePeriodMs}`;
  });

describe('thresholdsOf', () => {
  it('has the defaults of upstream', () => {
    assert.deepEqual(texts({}), [
      `memory.available ${100 * MIB} 0`,
      'nodefs.available 100 0',
      'nodefs.inodesFree 50 0',
      'imagefs.available 150 0',
      'imagefs.inodesFree 50 0',
    ]);
  });
  it('has the hard one of memory once more, for the room of all pods where that is kept', () => {
    const config = {
      evictionHard: { 'memory.available': '1Ki', 'nodefs.available': '10' },
      evictionSoft: { 'memory.available': '2Ki' },
      evictionSoftGracePeriod: { 'memory.available': '1m' },
      evictionMinimumReclaim: { 'memory.available': '5' },
    };
    const own = ['memory.available 1024 0', 'nodefs.available 10 0', 'memory.available 2048 60000'];
    const enforcing = (level: string): EvictionConfig => ({
      ...config,
      enforceNodeAllocatable: [level],
    });
    assert.deepEqual(texts(enforcing('none')), own);
    assert.deepEqual(texts(enforcing('pods')), [...own, 'allocatableMemory.available 1024 0']);
    assert.deepEqual(thresholdsOf(enforcing('pods')).at(-1)?.minReclaim, { value: 5 });
  });
  it('has soft ones with their grace, and none for 0% and 100%', () => {
    const config = {
      evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '100%' },
      evictionSoft: { 'memory.available': '1Ki' },
      evictionSoftGracePeriod: { 'memory.available': '1m30s' },
    };
    assert.deepEqual(texts(config), ['memory.available 1024 90000']);
  });
  const bad: readonly (readonly [EvictionConfig, string])[] = [
    [{ evictionHard: { 'cpu.available': '1' } }, 'unsupported eviction signal cpu.available'],
    [
      { evictionHard: { 'memory.available': '-1' } },
      'eviction threshold memory.available must be positive: -1',
    ],
    [
      { evictionHard: { 'memory.available': '0' } },
      'eviction threshold memory.available must be positive: 0',
    ],
    [{ evictionHard: { 'memory.available': 'much' } }, 'invalid quantity: much'],
    [{ evictionHard: { 'memory.available': 'a%' } }, 'invalid percentage: a%'],
    [
      { evictionHard: { 'memory.available': '-5%' } },
      'eviction percentage threshold memory.available must be >= 0%: -5%',
    ],
    [
      { evictionHard: { 'memory.available': '101%' } },
      'eviction percentage threshold memory.available must be <= 100%: 101%',
    ],
    [
      { evictionSoft: { 'memory.available': '1Gi' } },
      'grace period must be specified for the soft eviction threshold memory.available',
    ],
    [
      { evictionSoftGracePeriod: { 'memory.available': '-1s' } },
      'invalid eviction grace period specified: -1s, must be a positive value',
    ],
    [{ evictionSoftGracePeriod: { 'memory.available': '5' } }, 'invalid eviction grace period: 5'],
    [
      { evictionMinimumReclaim: { 'memory.available': '0%' } },
      'eviction percentage minimum reclaim memory.available must be positive: 0%',
    ],
    [
      { evictionMinimumReclaim: { 'memory.available': '-1Mi' } },
      'negative eviction minimum reclaim specified for memory.available',
    ],
  ];
  for (const [config, message] of bad)
    it(`refuses: ${message}`, () => {
      assert.throws(() => thresholdsOf(config), { name: 'EvictionConfigError', message });
    });
});

describe('withContainerFs', () => {
  const given = thresholdsOf({});
  const ofContainers = (hasImageFs: boolean, hasContainerFs: boolean): string[] =>
    withContainerFs(given, { hasImageFs, hasContainerFs })
      .filter(({ signal }) => signal.startsWith('containerfs.'))
      .map(
        ({ signal, amount }) => `${signal} ${amountIn(amount, { available: 0, capacity: 1000 })}`,
      );
  it('is nodefs, but imagefs where that is shared', () => {
    const nodefs = ['containerfs.available 100', 'containerfs.inodesFree 50'];
    assert.deepEqual(ofContainers(false, false), nodefs);
    assert.deepEqual(ofContainers(true, true), nodefs);
    assert.deepEqual(ofContainers(true, false), [
      'containerfs.available 150',
      'containerfs.inodesFree 50',
    ]);
  });
});

describe('isMet', () => {
  const [threshold] = thresholdsOf({
    evictionHard: { 'memory.available': '100' },
    evictionMinimumReclaim: { 'memory.available': '10%' },
  });
  assert.ok(threshold !== undefined);
  const met = (available: number, withReclaim: boolean): boolean =>
    isMet(threshold, { available, capacity: 1000 }, withReclaim);
  it('below the threshold, not at it', () =>
    assert.deepEqual([met(99, false), met(100, false)], [true, false]));
  it('until the minimum is reclaimed', () =>
    assert.deepEqual([met(199, true), met(200, true)], [true, false]));
});

describe('mostUrgent', () => {
  it('is memory before all else, of the machine or of all pods', () => {
    const [memory, disk, ofPods] = thresholdsOf({
      evictionHard: { 'memory.available': '1', 'nodefs.available': '1' },
      enforceNodeAllocatable: ['pods'],
    });
    assert.ok(memory !== undefined && disk !== undefined && ofPods !== undefined);
    assert.equal(mostUrgent([disk, ofPods]), ofPods);
    assert.equal(mostUrgent([disk, memory]), memory);
    assert.equal(mostUrgent([disk]), disk);
  });
});

describe('nextPressure', () => {
  const thresholds = thresholdsOf({
    evictionHard: { 'nodefs.available': '10' },
    evictionSoft: { 'memory.available': '100' },
    evictionSoftGracePeriod: { 'memory.available': '30s' },
    evictionMinimumReclaim: { 'nodefs.available': '5' },
  });
  const step = (
    before: PressureState,
    nowMs: number,
    memory: number,
    disk: number,
  ): PressureState => {
    const signals = new Map<Signal, Observation>([
      ['memory.available', { available: memory, capacity: 1000 }],
      ['nodefs.available', { available: disk, capacity: 1000 }],
    ]);
    return nextPressure(before, { thresholds, signals, nowMs }, 60_000);
  };
  const met = ({ met: found }: PressureState): string[] => found.map(({ signal }) => signal);

  it('a soft threshold counts after its grace period, its condition at once', () => {
    let state = step(NO_PRESSURE, 0, 50, 50);
    assert.deepEqual([met(state), [...state.conditions]], [[], ['MemoryPressure']]);
    state = step(state, 29_999, 50, 50);
    assert.deepEqual(met(state), []);
    state = step(state, 30_000, 50, 50);
    assert.deepEqual(met(state), ['memory.available']);
  });
  it('a grace period begins anew after a break', () => {
    const broken = step(step(NO_PRESSURE, 0, 50, 50), 10_000, 200, 50);
    assert.deepEqual(met(step(broken, 30_000, 50, 50)), []);
  });
  it('a condition holds for the transition period after it was last seen', () => {
    let state = step(step(NO_PRESSURE, 0, 50, 50), 10_000, 200, 50);
    state = step(state, 59_999, 200, 50);
    assert.deepEqual([...state.conditions], ['MemoryPressure']);
    state = step(state, 60_000, 200, 50);
    assert.deepEqual([...state.conditions], []);
  });
  it('stays met until the minimum is reclaimed', () => {
    let state = step(NO_PRESSURE, 0, 500, 9);
    state = step(state, 1, 500, 14);
    assert.deepEqual(met(state), ['nodefs.available']);
    state = step(state, 2, 500, 15);
    assert.deepEqual(met(state), []);
    assert.deepEqual(met(step(NO_PRESSURE, 0, 500, 14)), [], 'it was not met before');
  });
  it('memory comes first', () => {
    const state = step(step(NO_PRESSURE, 0, 50, 9), 30_000, 50, 9);
    assert.deepEqual(met(state), ['nodefs.available', 'memory.available']);
    assert.equal(mostUrgent(state.met)?.signal, 'memory.available');
    assert.equal(mostUrgent([]), undefined);
  });
  it('what is not observed is not met', () => {
    const now = { thresholds, signals: new Map(), nowMs: 0 };
    assert.deepEqual(nextPressure(NO_PRESSURE, now, 1).met, []);
  });
});

function pod(
  name: string,
  spec: Partial<PodSpec> & { request?: string; limit?: string } = {},
): Pod {
  const { request, limit, ...rest } = spec;
  const resources = {
    ...(request === undefined
      ? {}
      : { requests: { memory: request, 'ephemeral-storage': request } }),
    ...(limit === undefined ? {} : { limits: { 'ephemeral-storage': limit } }),
  };
  const main: Container = { name: 'main', image: 'i', resources };
  return { metadata: { name, uid: name }, spec: { containers: [main], ...rest } };
}

interface Use {
  readonly memory?: number;
  readonly rootfs?: number;
  readonly logs?: number;
  readonly volume?: number;
  readonly processes?: number;
}

function use({ memory = 0, rootfs = 0, logs = 0, volume = 0, processes = 0 }: Use): PodUse {
  const disk = (bytes: number) => ({ bytes, inodes: bytes * 2 });
  return {
    containers: [{ name: 'main', memoryBytes: memory, rootfs: disk(rootfs), logs: disk(logs) }],
    volumes: new Map([['v', disk(volume)]]),
    processes,
  };
}

function observations(pods: Readonly<Record<string, Use>>, layout = ONE_DISK): Observations {
  return {
    signals: new Map([['memory.available', { available: 50 * MIB, capacity: 1024 * MIB }]]),
    pods: new Map(Object.entries(pods).map(([uid, of]) => [uid, use(of)])),
    ...layout,
  };
}

describe('rankedForEviction', () => {
  const rank = (pods: readonly Pod[], signal: Signal, found: Observations): string =>
    rankedForEviction(pods, signal, found)
      .map(({ metadata }) => metadata?.name)
      .join(' ');

  it('by memory: over the request, priority, above the request', () => {
    const pods = [
      pod('within', { request: '100', priority: -5 }),
      pod('exact', { request: '10', priority: -9 }),
      pod('important', { request: '10', priority: 9 }),
      pod('little', { request: '10' }),
      pod('much', { request: '10' }),
      pod('unseen', { priority: 99 }),
    ];
    const found = observations({
      within: { memory: 90 },
      exact: { memory: 10 },
      important: { memory: 500 },
      little: { memory: 20 },
      much: { memory: 30 },
    });
    assert.equal(
      rank(pods, 'memory.available', found),
      'unseen much little important exact within',
    );
  });
  it('by process ids: priority, then processes, whatever was asked for', () => {
    const pods = [pod('a', { priority: 1 }), pod('b'), pod('c')];
    const found = observations({
      a: { processes: 100 },
      b: { processes: 1 },
      c: { processes: 2 },
    });
    assert.equal(rank(pods, 'pid.available', found), 'c b a');
  });
  const uses = { a: { rootfs: 4 }, b: { logs: 3 }, c: { volume: 2 } };
  const pods = [pod('c'), pod('b'), pod('a')];
  const cases: readonly (readonly [Signal, boolean, boolean, string])[] = [
    ['nodefs.available', false, false, 'a b c'],
    ['nodefs.inodesFree', false, false, 'a b c'],
    ['nodefs.available', true, false, 'b c a'],
    ['imagefs.available', true, false, 'a c b'],
    ['imagefs.inodesFree', true, false, 'a c b'],
    ['containerfs.available', true, false, 'a c b'],
    ['nodefs.available', true, true, 'a b c'],
    ['containerfs.available', true, true, 'a b c'],
    ['imagefs.available', true, true, 'c b a'],
  ];
  for (const [signal, hasImageFs, hasContainerFs, order] of cases)
    it(`by ${signal}, image fs ${hasImageFs}, container fs ${hasContainerFs}`, () => {
      assert.equal(rank(pods, signal, observations(uses, { hasImageFs, hasContainerFs })), order);
    });
});

describe('messages', () => {
  it('numbers of bytes', () => {
    assert.deepEqual([0, 1023, 1536, 1024, 100 * MIB, 3 * 2 ** 40].map(binaryQuantity), [
      '0',
      '1023',
      '1536',
      '1Ki',
      '100Mi',
      '3Ti',
    ]);
  });
  const [memory, disk] = thresholdsOf({});
  assert.ok(memory !== undefined && disk !== undefined);
  it('of memory, with the containers that use more than they asked for', () => {
    const found = observations({ a: { memory: 20 * MIB } });
    assert.equal(
      pressureMessage(pod('a', { request: '10Mi' }), memory, {
        met: [memory],
        observations: found,
      }),
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container main was using 20Mi, request is 10Mi, has larger consumption of memory. ',
    );
  });
  it('of disk, of a pod that uses no more than it asked for', () => {
    const found = observations({ a: { rootfs: MIB, logs: MIB } });
    assert.equal(
      pressureMessage(pod('a', { request: '2Mi' }), disk, { met: [disk], observations: found }),
      'The node was low on resource: ephemeral-storage. ',
    );
    assert.match(
      pressureMessage(pod('a'), disk, { met: [disk], observations: found }),
      /Container main was using 2Mi, request is 0, has larger consumption of ephemeral-storage\. $/,
    );
  });
});

describe('storageExcess', () => {
  const volumes = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
  const cases: readonly (readonly [string, Pod, Use, boolean, string | undefined])[] = [
    ['at the limit of a volume', pod('a', { volumes }), { volume: MIB }, false, undefined],
    [
      'above the limit of a volume',
      pod('a', { volumes }),
      { volume: MIB + 1 },
      false,
      'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
    ],
    [
      'no limit of a volume',
      pod('a', { volumes: [{ name: 'v', emptyDir: {} }] }),
      { volume: MIB },
      false,
      undefined,
    ],
    [
      'at the limit of the pod',
      pod('a', { limit: '10' }),
      { logs: 5, rootfs: 5 },
      false,
      undefined,
    ],
    [
      'above the limit of the pod',
      pod('a', { limit: '10' }),
      { logs: 5, volume: 6 },
      false,
      'Pod ephemeral local storage usage exceeds the total limit of containers 10. ',
    ],
    [
      'a volume in memory is no storage',
      pod('a', { limit: '10', volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }] }),
      { volume: 11 },
      false,
      undefined,
    ],
  ];
  for (const [name, of, used, hasImageFs, message] of cases)
    it(name, () => {
      assert.equal(storageExcess(of, use(used), { hasImageFs, hasContainerFs: false }), message);
    });
  it('of one container of two; what it writes over its image counts where that is on nodefs', () => {
    const limits = (size: string) => ({ resources: { limits: { 'ephemeral-storage': size } } });
    const two = pod('a', {
      containers: [
        { name: 'main', image: 'i', ...limits('10') },
        { name: 'other', image: 'i', ...limits('100') },
      ],
    });
    const of = (hasImageFs: boolean): string | undefined =>
      storageExcess(two, use({ logs: 6, rootfs: 5 }), { hasImageFs, hasContainerFs: false });
    assert.equal(of(false), 'Container main exceeded its local ephemeral storage limit "10". ');
    assert.equal(of(true), undefined);
  });
});

describe('pressureRejection', () => {
  const burstable = pod('a', { request: '1' });
  const tolerant = pod('a', {
    tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }],
  });
  const named = (annotation: string): Pod => ({
    ...pod('a'),
    metadata: { annotations: { [annotation]: 'file' } },
  });
  const cases: readonly (readonly [string, Pod, readonly string[], string | undefined])[] = [
    ['no pressure', pod('a'), [], undefined],
    ['BestEffort', pod('a'), ['MemoryPressure'], 'The node had condition: [MemoryPressure]. '],
    ['Burstable', burstable, ['MemoryPressure'], undefined],
    ['a toleration', tolerant, ['MemoryPressure'], undefined],
    ['Burstable, disk', burstable, ['DiskPressure'], 'The node had condition: [DiskPressure]. '],
    ['Burstable, pids', burstable, ['PIDPressure'], 'The node had condition: [PIDPressure]. '],
    [
      'a toleration, two conditions',
      tolerant,
      ['MemoryPressure', 'DiskPressure'],
      'The node had condition: [MemoryPressure DiskPressure]. ',
    ],
    ['critical', pod('a', { priority: 2_000_000_000 }), ['DiskPressure'], undefined],
    [
      'almost critical',
      pod('a', { priority: 1_999_999_999 }),
      ['DiskPressure'],
      'The node had condition: [DiskPressure]. ',
    ],
    ['static', named('kubernetes.io/config.source'), ['DiskPressure'], undefined],
    ['a mirror', named('kubernetes.io/config.mirror'), ['DiskPressure'], undefined],
  ];
  for (const [name, of, conditions, message] of cases)
    it(name, () => {
      const rejection = pressureRejection(of, new Set(conditions));
      assert.deepEqual(
        rejection,
        message === undefined ? undefined : { reason: 'Evicted', message },
      );
    });
});

describe('hasStorageLimit', () => {
  it('of the pod, a container or an emptyDir', () => {
    const limits = { 'ephemeral-storage': '1Gi' };
    const container = (over: object = {}) => ({ name: 'main', ...over });
    const specs: readonly [spec: PodSpec, expected: boolean][] = [
      [{ containers: [container()] }, false],
      [{ containers: [container({ resources: { limits: { memory: '1Gi' } } })] }, false],
      [{ containers: [container(), container({ resources: { limits } })] }, true],
      [{ containers: [container()], initContainers: [container({ resources: { limits } })] }, true],
      [{ containers: [container()], volumes: [{ name: 'a', emptyDir: {} }] }, false],
      [
        { containers: [container()], volumes: [{ name: 'a', emptyDir: { sizeLimit: '1Mi' } }] },
        true,
      ],
    ];
    for (const [spec, expected] of specs)
      assert.equal(hasStorageLimit({ spec }), expected, JSON.stringify(spec));
  });
});
