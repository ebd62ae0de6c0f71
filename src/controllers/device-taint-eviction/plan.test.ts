/** When Pods must leave tainted devices, by table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type {
  Device,
  DeviceTaint,
  DeviceToleration,
  ResourceClaim,
  ResourceSlice,
} from '#api/gen/resource-v1.ts';
import { evictionTimeMs } from './plan.ts';

const SINCE_MS = Date.UTC(2030, 0, 1);
const TAINT: DeviceTaint = {
  key: 'broken',
  value: 'yes',
  effect: 'NoExecute',
  timeAdded: new Date(SINCE_MS).toISOString(),
};

function pod(nodeName = 'node-1'): Pod {
  return { metadata: { uid: 'web' }, spec: { containers: [], nodeName } };
}

function claim(tolerations: DeviceToleration[] = [], user = 'web'): ResourceClaim {
  const result = { request: 'a', driver: 'd', pool: 'p', device: 'x', tolerations };
  return {
    spec: { devices: { requests: [] } },
    status: {
      allocation: { devices: { results: [result] } },
      reservedFor: [{ resource: 'pods', name: 'web', uid: user }],
    },
  };
}

function slice(taints: DeviceTaint[], generation = 1): ResourceSlice {
  const devices: Device[] = [{ name: 'x', taints }];
  return {
    spec: { driver: 'd', pool: { name: 'p', generation, resourceSliceCount: 1 }, devices },
  };
}

/** Seconds after the taint; undefined: never. */
function seconds(
  claims: ResourceClaim[],
  slices: ResourceSlice[] = [slice([TAINT])],
  user = pod(),
): number | undefined {
  const world = {
    claims: () => claims,
    slices: (driver: string, pool: string) => (driver === 'd' && pool === 'p' ? slices : []),
  };
  const atMs = evictionTimeMs(user, world);
  return atMs === undefined ? undefined : (atMs - SINCE_MS) / 1000;
}

const tolerates = (change: Partial<DeviceToleration>): DeviceToleration => ({
  key: 'broken',
  operator: 'Equal',
  value: 'yes',
  effect: 'NoExecute',
  ...change,
});

describe('a Pod whose device has a NoExecute taint', () => {
  const other = { ...TAINT, key: 'other' };
  const tables: [string, number | undefined, number | undefined][] = [
    ['leaves at once', seconds([claim()]), 0],
    ['stays when it has no node', seconds([claim()], [slice([TAINT])], pod('')), undefined],
    ['stays when the claim is reserved for another', seconds([claim([], 'x')]), undefined],
    [
      'stays when the taint is of another effect',
      seconds([claim()], [slice([{ ...TAINT, effect: 'NoSchedule' }])]),
      undefined,
    ],
    ['stays when it is tolerated', seconds([claim([tolerates({})])]), undefined],
    [
      'stays when any value is tolerated',
      seconds([claim([{ key: 'broken', operator: 'Exists', effect: 'NoExecute' }])]),
      undefined,
    ],
    [
      'stays when everything is tolerated',
      seconds([claim([{ operator: 'Exists', effect: 'NoExecute' }])]),
      undefined,
    ],
    ['leaves when another value is tolerated', seconds([claim([tolerates({ value: 'no' })])]), 0],
    ['leaves when another key is tolerated', seconds([claim([tolerates({ key: 'no' })])]), 0],
    [
      'leaves when another effect is tolerated',
      seconds([claim([tolerates({ effect: 'NoSchedule' })])]),
      0,
    ],
    ['leaves when its time is over', seconds([claim([tolerates({ tolerationSeconds: 30 })])]), 30],
    [
      'leaves when the shortest time is over',
      seconds([
        claim([tolerates({ tolerationSeconds: 30 }), tolerates({ tolerationSeconds: 20 })]),
      ]),
      20,
    ],
    [
      'leaves at once when its time is negative',
      seconds([claim([tolerates({ tolerationSeconds: -5 })])]),
      0,
    ],
    [
      'leaves for the taint that it does not tolerate',
      seconds([claim([tolerates({})])], [slice([TAINT, other])]),
      0,
    ],
    [
      'stays when newer slices know the device as sound',
      seconds([claim()], [slice([TAINT], 1), slice([], 2)]),
      undefined,
    ],
    ['leaves for the device of either claim', seconds([claim([tolerates({})]), claim()]), 0],
  ];
  for (const [name, actual, expected] of tables) it(name, () => assert.equal(actual, expected));
});
