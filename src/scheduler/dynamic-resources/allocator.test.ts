/** Which devices claims are given, over a table of worlds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  aClaim,
  aClass,
  aDevice,
  anyOf,
  aRequest,
  aSelectingClass,
  aSlice,
  selecting,
} from '#kit/devices.ts';
import { allocateIn, allocationOf, type AllocatorWorld, gives } from '#kit/allocator-world.ts';

const NONE = 'cannot allocate all claims';

const memory = (name: string, size: number) => aDevice(name, { memory: size });
const atLeast = (size: number) =>
  selecting(`device.attributes["gpu.example.com"].memory >= ${size}`);
const two = [aSlice('s', { nodeName: 'n1', devices: ['a', 'b'] })];
const sizes = [aSlice('s', { nodeName: 'n1', devices: [memory('big', 8), memory('small', 4)] })];
const all = (name: string, words = {}) => aRequest(name, { allocationMode: 'All', ...words });

type Row = readonly [claim: string, world: AllocatorWorld, gives: string];

function check(rows: readonly Row[]): void {
  for (const [name, world, expected] of rows)
    it(name, () => {
      assert.equal(gives(world), expected);
    });
}

describe('a claim gets', () => {
  check([
    ['the first device', { slices: two, claims: [aClaim('c')] }, 'r=n1/a'],
    ['nothing where there are no slices', { claims: [aClaim('c')] }, NONE],
    ['nothing of another node', { slices: two, claims: [aClaim('c')], node: { name: 'n2' } }, NONE],
    [
      'as many as it asks for',
      { slices: two, claims: [aClaim('c', { requests: [aRequest('r', { count: 2 })] })] },
      'r=n1/a r=n1/b',
    ],
    [
      'nothing where there are not so many',
      { slices: two, claims: [aClaim('c', { requests: [aRequest('r', { count: 3 })] })] },
      NONE,
    ],
    [
      'what another claim leaves',
      { slices: two, allocated: [allocationOf('n1/a')], claims: [aClaim('c')] },
      'r=n1/b',
    ],
    [
      'what another claim of the pod leaves',
      { slices: two, claims: [aClaim('c'), aClaim('d')] },
      'r=n1/a | r=n1/b',
    ],
    [
      'what its selector wants',
      {
        slices: sizes,
        claims: [
          aClaim('c', {
            requests: [
              aRequest('r', {
                selectors: selecting('device.attributes["gpu.example.com"].memory == 4'),
              }),
            ],
          }),
        ],
      },
      'r=n1/small',
    ],
    [
      'what its class selects',
      {
        slices: sizes,
        classes: [aSelectingClass('gpu', 'device.attributes["gpu.example.com"].memory < 8')],
        claims: [aClaim('c')],
      },
      'r=n1/small',
    ],
    [
      'devices such that a later request gets its own',
      {
        slices: sizes,
        claims: [
          aClaim('c', { requests: [aRequest('any'), aRequest('big', { selectors: atLeast(8) })] }),
        ],
      },
      'any=n1/small big=n1/big',
    ],
    [
      'devices such that a later claim gets its own',
      {
        slices: sizes,
        claims: [
          aClaim('c'),
          aClaim('d', { requests: [aRequest('big', { selectors: atLeast(8) })] }),
        ],
      },
      'r=n1/small | big=n1/big',
    ],
    [
      'devices of several drivers',
      {
        slices: [
          ...two,
          aSlice('t', { driver: 'nic.example.com', pool: 'x', allNodes: true, devices: ['eth'] }),
        ],
        classes: [
          aSelectingClass('gpu', 'device.driver == "gpu.example.com"'),
          aSelectingClass('nic', 'device.driver == "nic.example.com"'),
        ],
        claims: [
          aClaim('c', { requests: [aRequest('n', { deviceClassName: 'nic' }), aRequest('g')] }),
        ],
      },
      'n=x/eth g=n1/a',
    ],
    ['nothing, and all is well, without requests', { slices: two, claims: [] }, ''],
  ]);
});

describe('a request for all devices', () => {
  const wants = (...requests: ReturnType<typeof aRequest>[]) => [aClaim('c', { requests })];
  check([
    ['gets them', { slices: two, claims: wants(all('r')) }, 'r=n1/a r=n1/b'],
    [
      'gets only those that it selects',
      { slices: sizes, claims: wants(all('r', { selectors: atLeast(8) })) },
      'r=n1/big',
    ],
    [
      'gets none where one is in use',
      { slices: two, allocated: [allocationOf('n1/a')], claims: wants(all('r')) },
      NONE,
    ],
    ['is not content with none', { claims: wants(all('r')) }, NONE],
    [
      'needs to know all of them',
      {
        slices: [aSlice('s', { nodeName: 'n1', slices: 2, devices: ['a'] })],
        claims: wants(all('r')),
      },
      'error: claim default/c, request r: asks for all devices, but resource pool gpu.example.com/n1 is currently being updated',
    ],
    [
      'needs to understand all of them',
      { slices: [aSlice('s', { nodeName: 'n1', devices: ['a', 'a'] })], claims: wants(all('r')) },
      'error: claim default/c, request r: asks for all devices, but resource pool gpu.example.com/n1 is currently invalid',
    ],
    [
      'leaves an earlier request what it does not select',
      { slices: sizes, claims: wants(aRequest('one'), all('r', { selectors: atLeast(8) })) },
      'one=n1/small r=n1/big',
    ],
    [
      'leaves nothing for a later request',
      { slices: two, claims: wants(all('r'), aRequest('one')) },
      NONE,
    ],
  ]);
});

describe('admin access', () => {
  const admin = aRequest('admin', { adminAccess: true });
  check([
    [
      'is to devices that others have',
      {
        slices: two,
        allocated: [allocationOf('n1/a', 'n1/b')],
        claims: [aClaim('c', { requests: [all('admin', { adminAccess: true })] })],
      },
      'admin=n1/a admin=n1/b',
    ],
    [
      'is to a device once for each claim',
      { slices: two, claims: [aClaim('c', { requests: [admin, { ...admin, name: 'more' }] })] },
      'admin=n1/a more=n1/b',
    ],
    [
      'is to the same device for two claims',
      {
        slices: two,
        claims: [aClaim('c', { requests: [admin] }), aClaim('d', { requests: [admin] })],
      },
      'admin=n1/a | admin=n1/a',
    ],
    [
      'takes nothing from others',
      {
        slices: two,
        allocated: [
          {
            devices: {
              results: [
                {
                  request: 'r',
                  driver: 'gpu.example.com',
                  pool: 'n1',
                  device: 'a',
                  adminAccess: true,
                },
              ],
            },
          },
        ],
        claims: [aClaim('c')],
      },
      'r=n1/a',
    ],
  ]);
});

describe('alternatives', () => {
  const wants = (...requests: ReturnType<typeof aRequest>[]) => [aClaim('c', { requests })];
  const either = anyOf('r', { name: 'big', selectors: atLeast(8) }, { name: 'small', count: 2 });
  check([
    ['are tried in order', { slices: sizes, claims: wants(either) }, 'r/big=n1/big'],
    [
      'give way to the next',
      {
        slices: two.map((s) => s),
        classes: [aClass('gpu'), aSelectingClass('none', 'false')],
        claims: wants(anyOf('r', { name: 'x', deviceClassName: 'none' }, { name: 'y', count: 2 })),
      },
      'r/y=n1/a r/y=n1/b',
    ],
    [
      'give nothing where none can be had',
      { slices: two, claims: wants(anyOf('r', { name: 'x', count: 4 }, { name: 'y', count: 3 })) },
      NONE,
    ],
    [
      'are changed for a later request',
      {
        slices: sizes,
        claims: wants(
          anyOf('r', { name: 'two', count: 2 }, { name: 'one' }),
          aRequest('big', { selectors: atLeast(8) }),
        ),
      },
      'r/one=n1/small big=n1/big',
    ],
    [
      'may be for all devices',
      {
        slices: two,
        claims: wants(
          anyOf('r', { name: 'all', allocationMode: 'All' }, { name: 'one' }),
          aRequest('q'),
        ),
      },
      'r/one=n1/a q=n1/b',
    ],
    [
      'that are too many for a claim are passed over',
      {
        slices: [
          aSlice('s', { nodeName: 'n1', devices: Array.from({ length: 40 }, (_, i) => `d${i}`) }),
        ],
        claims: wants(aRequest('one'), anyOf('r', { name: 'x', count: 32 }, { name: 'y' })),
      },
      'one=n1/d0 r/y=n1/d1',
    ],
  ]);
});

describe('constraints', () => {
  const numa = (name: string, at: number, model = 'm') => aDevice(name, { numa: at, model });
  const slices = [
    aSlice('s', {
      nodeName: 'n1',
      devices: [numa('a', 0), numa('b', 1), numa('c', 1), { name: 'bare' }],
    }),
  ];
  const pair = aRequest('r', { count: 2 });
  const same = { matchAttribute: 'gpu.example.com/numa' };
  const apart = { distinctAttribute: 'gpu.example.com/numa' };
  const wants = (constraints: object[], ...requests: ReturnType<typeof aRequest>[]) => [
    aClaim('c', { requests, constraints }),
  ];
  check([
    ['keep devices together', { slices, claims: wants([same], pair) }, 'r=n1/b r=n1/c'],
    ['keep devices apart', { slices, claims: wants([apart], pair) }, 'r=n1/a r=n1/b'],
    [
      'keep more than two apart',
      { slices, claims: wants([apart], aRequest('r', { count: 3 })) },
      NONE,
    ],
    ['want the attribute at all', { slices: two, claims: wants([same], aRequest('r')) }, NONE],
    [
      'may be about some requests',
      { slices, claims: wants([{ ...same, requests: ['r'] }], aRequest('first'), pair) },
      'first=n1/a r=n1/b r=n1/c',
    ],
    [
      'may be about an alternative',
      {
        slices,
        claims: wants(
          [{ ...apart, requests: ['r/x'] }],
          anyOf('r', { name: 'x', count: 3 }, { name: 'y', count: 3 }),
        ),
      },
      'r/y=n1/a r/y=n1/b r/y=n1/c',
    ],
    [
      'are about all alternatives of a request that they name',
      {
        slices,
        claims: wants(
          [{ ...apart, requests: ['r'] }],
          anyOf('r', { name: 'x', count: 3 }, { name: 'y', count: 2 }),
        ),
      },
      'r/y=n1/a r/y=n1/b',
    ],
    [
      'tell values of different types apart',
      {
        slices: [
          aSlice('s', {
            nodeName: 'n1',
            devices: [
              aDevice('a', { numa: 1 }),
              aDevice('b', { numa: '1' }),
              aDevice('c', { numa: 'v1.0.0' }),
            ],
          }),
        ],
        claims: wants([same], pair),
      },
      NONE,
    ],
    [
      'against having all devices are a fault of the claim',
      {
        slices,
        claims: wants(
          [same],
          all('r', {
            selectors: selecting('device.attributes["gpu.example.com"].?numa.orValue(5) != 5'),
          }),
        ),
      },
      'error: claim default/c, request r: cannot add device gpu.example.com/n1/b because a claim constraint would not be satisfied',
    ],
    [
      'that say nothing are a fault of the claim',
      { slices, claims: wants([{}], pair) },
      'error: claim default/c, constraint #0: empty constraint (unsupported constraint type?)',
    ],
  ]);
});

describe('a claim is refused for good', () => {
  const wants = (words: object) => [aClaim('c', { requests: [aRequest('r', words)] })];
  check([
    [
      'when its class is not there',
      { slices: two, classes: [], claims: [aClaim('c')] },
      'error: claim default/c, request r: could not retrieve device class gpu: deviceclass.resource.k8s.io "gpu" not found',
    ],
    [
      'without a class',
      { slices: two, claims: wants({ deviceClassName: '' }) },
      'error: claim default/c, request r: missing device class name (unsupported request type?)',
    ],
    [
      'when it wants more devices than it may have',
      { slices: two, claims: wants({ count: 33 }) },
      'error: claim default/c: number of requested devices 33 exceeds the claim limit of 32',
    ],
    [
      'with a selector of a kind that is not known',
      { slices: two, claims: wants({ selectors: [{}] }) },
      'error: claim default/c, request r, selector #0: CEL expression empty (unsupported selector type?)',
    ],
    [
      'with a mode that is not known',
      { slices: two, claims: wants({ allocationMode: 'Most' }) },
      'error: claim default/c, request r: unsupported count mode Most',
    ],
    [
      'with a selector that asks for what a device does not say',
      { slices: two, claims: wants({ selectors: atLeast(8) }) },
      'error: claim default/c: selector #0: CEL runtime error: no such key: memory',
    ],
    [
      'with a class whose selector fails',
      {
        slices: two,
        classes: [aSelectingClass('gpu', 'device.attributes["gpu.example.com"].x')],
        claims: [aClaim('c')],
      },
      'error: class gpu: selector #0: CEL runtime error: no such key: x',
    ],
  ]);

  it('with a selector that does not compile', () => {
    const text = gives({ slices: two, claims: wants({ selectors: selecting('nothing') }) });
    assert.match(
      text,
      /^error: claim default\/c: selector #0: CEL compile error: compilation failed: .*undeclared reference to 'nothing'/s,
    );
  });
});

describe('taints of devices', () => {
  const tainted = (effect: 'NoSchedule' | 'NoExecute' | 'None', name = 'a') =>
    aSlice('s', {
      nodeName: 'n1',
      devices: [{ name, taints: [{ key: 'k', value: 'v', effect }] }],
    });
  const tolerating = (...tolerations: object[]) => [
    aClaim('c', { requests: [aRequest('r', { tolerations })] }),
  ];
  check([
    [
      'keep claims off: NoSchedule',
      { slices: [tainted('NoSchedule')], claims: [aClaim('c')] },
      NONE,
    ],
    ['keep claims off: NoExecute', { slices: [tainted('NoExecute')], claims: [aClaim('c')] }, NONE],
    ['keep nobody off: None', { slices: [tainted('None')], claims: [aClaim('c')] }, 'r=n1/a'],
    [
      'are tolerated by key and value',
      {
        slices: [tainted('NoSchedule')],
        claims: tolerating({ key: 'k', operator: 'Equal', value: 'v' }),
      },
      'r=n1/a',
    ],
    [
      'are not tolerated by another value',
      {
        slices: [tainted('NoSchedule')],
        claims: tolerating({ key: 'k', operator: 'Equal', value: 'w' }),
      },
      NONE,
    ],
    [
      'are not tolerated by another effect',
      {
        slices: [tainted('NoSchedule')],
        claims: tolerating({ operator: 'Exists', effect: 'NoExecute' }),
      },
      NONE,
    ],
    [
      'are all tolerated by a toleration without a key',
      { slices: [tainted('NoExecute')], claims: tolerating({ operator: 'Exists' }) },
      'r=n1/a',
    ],
  ]);
});

describe('what a claim is told to configure', () => {
  const opaque = (name: string) => ({
    opaque: { driver: 'gpu.example.com', parameters: { name } },
  });
  const configOf = (world: AllocatorWorld): unknown => {
    const given = allocateIn({ slices: two, ...world });
    assert.ok('results' in given, JSON.stringify(given));
    return given.results[0]?.devices?.config?.map(({ source, requests, opaque: of }) => [
      source,
      requests,
      of?.parameters,
    ]);
  };

  it('is what its classes say, once each, and what it says itself', () => {
    const classes = [aClass('gpu', { config: [opaque('one'), opaque('two')] }), aClass('plain')];
    const requests = [
      aRequest('a'),
      anyOf('b', { name: 'x', deviceClassName: 'plain', count: 9 }, { name: 'y' }),
    ];
    const config = [
      opaque('for all'),
      { ...opaque('for a'), requests: ['a'] },
      { ...opaque('for x'), requests: ['b/x'] },
      { ...opaque('for y'), requests: ['b/y'] },
    ];
    assert.deepEqual(configOf({ classes, claims: [aClaim('c', { requests, config })] }), [
      ['FromClass', ['a', 'b/y'], { name: 'one' }],
      ['FromClass', ['a', 'b/y'], { name: 'two' }],
      ['FromClaim', undefined, { name: 'for all' }],
      ['FromClaim', ['a'], { name: 'for a' }],
      ['FromClaim', ['b/y'], { name: 'for y' }],
    ]);
  });
});
