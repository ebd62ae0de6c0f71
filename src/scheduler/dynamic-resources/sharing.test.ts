/** Devices that share something: counters of their pool, or one device among several claims. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AllocationResult, Device, DeviceCapacity } from '#api/gen/resource-v1.ts';
import { aClaim, anyOf, aRequest, aSlice, selecting } from '#kit/devices.ts';
import { allocateIn, allocationOf, type AllocatorWorld, gives } from '#kit/allocator-world.ts';

const NONE = 'cannot allocate all claims';
const INVALID = 'invalid resource pools were encountered';

type Row = readonly [claim: string, world: AllocatorWorld, gives: string];

function check(rows: readonly Row[]): void {
  for (const [name, world, expected] of rows)
    it(name, () => {
      assert.equal(gives(world), expected);
    });
}

const counted = (name: string, memory: string, rest: Partial<Device> = {}): Device => ({
  name,
  consumesCounters: [{ counterSet: 'card', counters: { memory: { value: memory } } }],
  ...rest,
});
const card = (memory: string, name = 'card') =>
  aSlice(`counters-${name}`, {
    pool: 'p',
    slices: 2,
    nodeName: 'n1',
    sharedCounters: [{ name, counters: { memory: { value: memory } } }],
  });
const parts = (...devices: Device[]) =>
  aSlice('devices', { pool: 'p', slices: 2, nodeName: 'n1', devices });
const several = (count: number) => [aClaim('c', { requests: [aRequest('r', { count })] })];

describe('devices that take from the counters of their pool', () => {
  const slices = [
    card('8Gi'),
    parts(counted('half', '4Gi'), counted('whole', '8Gi'), counted('rest', '4Gi')),
  ];
  check([
    ['are given while there is enough', { slices, claims: several(2) }, 'r=p/half r=p/rest'],
    ['are not given when it would be too much', { slices, claims: several(3) }, NONE],
    [
      'count those that others have',
      { slices, allocated: [allocationOf('p/half')], claims: several(1) },
      'r=p/rest',
    ],
    [
      'leave nothing when one has taken all',
      { slices, allocated: [allocationOf('p/whole')], claims: several(1) },
      NONE,
    ],
    [
      'leave nothing when more is taken than there is',
      {
        slices: [card('2Gi'), slices[1] ?? card('0')],
        allocated: [allocationOf('p/half')],
        claims: several(1),
      },
      NONE,
    ],
    [
      'leave nothing of any counter while more is taken of one than there is',
      {
        slices: [
          aSlice('counters', {
            pool: 'p',
            slices: 2,
            nodeName: 'n1',
            sharedCounters: [
              { name: 'card', counters: { memory: { value: '8Gi' } } },
              { name: 'bus', counters: { lanes: { value: '2' } } },
            ],
          }),
          parts(counted('half', '4Gi'), {
            name: 'wide',
            consumesCounters: [{ counterSet: 'bus', counters: { lanes: { value: '4' } } }],
          }),
        ],
        allocated: [allocationOf('p/wide')],
        claims: several(1),
      },
      NONE,
    ],
    [
      'are counted over the claims of a pod',
      { slices, claims: [aClaim('c'), aClaim('d')] },
      'r=p/half | r=p/rest',
    ],
    [
      'let the next alternative have what the first gave back',
      {
        slices,
        claims: [
          aClaim('c', {
            requests: [anyOf('r', { name: 'x', count: 3 }, { name: 'y', count: 2 })],
          }),
        ],
      },
      'r/y=p/half r/y=p/rest',
    ],
    [
      'give back what a constraint refuses',
      {
        slices: [
          card('8Gi'),
          parts(
            counted('a', '4Gi', { attributes: { x: { int: 1 } } }),
            counted('b', '4Gi', { attributes: { x: { int: 1 } } }),
            counted('c', '4Gi', { attributes: { x: { int: 2 } } }),
          ),
        ],
        claims: [
          aClaim('c', {
            requests: [aRequest('r', { count: 2 })],
            constraints: [{ distinctAttribute: 'gpu.example.com/x' }],
          }),
        ],
      },
      'r=p/a r=p/c',
    ],
    [
      'need counters that are there: the set',
      { slices: [card('8Gi', 'other'), parts(counted('half', '4Gi'))], claims: several(1) },
      INVALID,
    ],
    [
      'need counters that are there: the counter',
      {
        slices: [
          card('8Gi'),
          parts({
            name: 'a',
            consumesCounters: [{ counterSet: 'card', counters: { cores: { value: '1' } } }],
          }),
        ],
        claims: several(1),
      },
      INVALID,
    ],
    [
      'of two pools do not take from each other',
      {
        slices: [
          card('4Gi'),
          parts(counted('a', '4Gi')),
          aSlice('other-counters', {
            driver: 'b.example.com',
            pool: 'p',
            slices: 2,
            nodeName: 'n1',
            sharedCounters: [{ name: 'card', counters: { memory: { value: '4Gi' } } }],
          }),
          aSlice('other-devices', {
            driver: 'b.example.com',
            pool: 'p',
            slices: 2,
            nodeName: 'n1',
            devices: [counted('b', '4Gi')],
          }),
        ],
        claims: several(2),
      },
      'r=p/b r=p/a',
    ],
  ]);

  it('on other nodes take from the same counters', () => {
    const shared = {
      slices: [
        aSlice('counters', {
          pool: 'p',
          slices: 3,
          sharedCounters: [{ name: 'card', counters: { memory: { value: '6Gi' } } }],
        }),
        aSlice('s1', { pool: 'p', slices: 3, nodeName: 'n1', devices: [counted('here', '4Gi')] }),
        aSlice('s2', { pool: 'p', slices: 3, nodeName: 'n2', devices: [counted('there', '4Gi')] }),
      ],
      claims: several(1),
    };
    assert.equal(gives(shared), 'r=p/here');
    assert.equal(gives({ ...shared, allocated: [allocationOf('p/there')] }), NONE);
  });
});

const shared = (capacity: Record<string, DeviceCapacity>, rest: Partial<Device> = {}): Device => ({
  name: 'a',
  allowMultipleAllocations: true,
  capacity,
  ...rest,
});
const one = (device: Device) => [aSlice('s', { nodeName: 'n1', devices: [device] })];
const asking = (memory: string, name = 'c') =>
  aClaim(name, { requests: [aRequest('r', { capacity: { requests: { memory } } })] });
const share = (memory: string): AllocationResult => ({
  devices: {
    results: [
      {
        request: 'r',
        driver: 'gpu.example.com',
        pool: 'n1',
        device: 'a',
        shareID: 's',
        consumedCapacity: { memory },
      },
    ],
  },
});

describe('a device that several may have', () => {
  const plain = one(shared({ memory: { value: '8Gi' } }));
  const steps = one(
    shared({
      memory: {
        value: '8Gi',
        requestPolicy: { default: '1Gi', validRange: { min: '1Gi', max: '4Gi', step: '1Gi' } },
      },
    }),
  );
  const fixed = one(
    shared({
      memory: {
        value: '8Gi',
        requestPolicy: { default: '1Gi', validValues: ['1Gi', '2Gi', '4Gi'] },
      },
    }),
  );
  check([
    ['gives what is asked of it', { slices: plain, claims: [asking('3Gi')] }, 'r=n1/a(memory:3Gi)'],
    [
      'gives all to who does not say how much',
      { slices: plain, claims: [aClaim('c')] },
      'r=n1/a(memory:8Gi)',
    ],
    [
      'gives to two claims of one pod',
      { slices: plain, claims: [asking('3Gi'), asking('5Gi', 'd')] },
      'r=n1/a(memory:3Gi) | r=n1/a(memory:5Gi)',
    ],
    [
      'gives no more than it has',
      { slices: plain, claims: [asking('3Gi'), asking('6Gi', 'd')] },
      NONE,
    ],
    [
      'gives what others leave',
      { slices: plain, allocated: [share('3Gi')], claims: [asking('5Gi')] },
      'r=n1/a(memory:5Gi)',
    ],
    [
      'does not give what others have',
      { slices: plain, allocated: [share('4Gi')], claims: [asking('5Gi')] },
      NONE,
    ],
    [
      'does not have what it does not name',
      { slices: one(shared({})), claims: [asking('1Gi')] },
      NONE,
    ],
    [
      'may have nothing that is counted',
      { slices: one(shared({})), claims: [aClaim('c'), aClaim('d')] },
      'r=n1/a | r=n1/a',
    ],
    ['gives its default', { slices: steps, claims: [aClaim('c')] }, 'r=n1/a(memory:1Gi)'],
    ['rounds up to a step', { slices: steps, claims: [asking('1500Mi')] }, 'r=n1/a(memory:2Gi)'],
    ['rounds up to its least', { slices: steps, claims: [asking('1')] }, 'r=n1/a(memory:1Gi)'],
    ['gives no more than its most', { slices: steps, claims: [asking('5Gi')] }, NONE],
    [
      'rounds up to a value that it knows',
      { slices: fixed, claims: [asking('3Gi')] },
      'r=n1/a(memory:4Gi)',
    ],
    ['gives no value that it does not know', { slices: fixed, claims: [asking('5Gi')] }, NONE],
    [
      'is not given where it belongs to one alone',
      { slices: plain, allocated: [allocationOf('n1/a')], claims: [asking('1Gi')] },
      NONE,
    ],
    [
      'is passed over for the next when it is full',
      {
        slices: [
          aSlice('s', {
            nodeName: 'n1',
            devices: [
              shared({ memory: { value: '8Gi' } }),
              shared({ memory: { value: '8Gi' } }, { name: 'b' }),
            ],
          }),
        ],
        claims: [asking('5Gi'), asking('5Gi', 'd')],
      },
      'r=n1/a(memory:5Gi) | r=n1/b(memory:5Gi)',
    ],
    [
      'can be told from others by an expression',
      {
        slices: [aSlice('s', { nodeName: 'n1', devices: [shared({}), 'b'] })],
        claims: [
          aClaim('c', {
            requests: [aRequest('r', { selectors: selecting('!device.allowMultipleAllocations') })],
          }),
        ],
      },
      'r=n1/b',
    ],
    [
      'is selected by its capacity',
      {
        slices: plain,
        claims: [
          aClaim('c', {
            requests: [
              aRequest('r', {
                selectors: selecting(
                  'device.capacity["gpu.example.com"].memory.compareTo(quantity("8Gi")) == 0',
                ),
              }),
            ],
          }),
        ],
      },
      'r=n1/a(memory:8Gi)',
    ],
    [
      'that has too little is none of all',
      {
        slices: [
          aSlice('s', {
            nodeName: 'n1',
            devices: [
              shared({ memory: { value: '1Gi' } }),
              shared({ memory: { value: '8Gi' } }, { name: 'b' }),
            ],
          }),
        ],
        claims: [
          aClaim('c', {
            requests: [
              aRequest('r', { allocationMode: 'All', capacity: { requests: { memory: '2Gi' } } }),
            ],
          }),
        ],
      },
      'r=n1/b(memory:2Gi)',
    ],
  ]);

  it('gives each share a name of its own', () => {
    const given = allocateIn({ slices: plain, claims: [asking('3Gi'), asking('5Gi', 'd')] });
    assert.ok('results' in given);
    assert.deepEqual(
      given.results.flatMap(({ devices }) => devices?.results?.map(({ shareID }) => shareID)),
      ['share-1', 'share-2'],
    );
  });

  it('takes from the counters of its pool once', () => {
    const device = counted('a', '6Gi', { allowMultipleAllocations: true });
    const world = { slices: [card('8Gi'), parts(device)], claims: [aClaim('c'), aClaim('d')] };
    assert.equal(gives(world), 'r=p/a | r=p/a');
    const others = {
      devices: {
        results: [
          { request: 'r', driver: 'gpu.example.com', pool: 'p', device: 'a', shareID: 's' },
        ],
      },
    };
    assert.equal(gives({ ...world, allocated: [others] }), 'r=p/a | r=p/a');
  });
});
