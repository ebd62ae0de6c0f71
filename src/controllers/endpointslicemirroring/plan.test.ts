/** Slices that mirror Endpoints, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoints } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { planMirror } from './plan.ts';

const endpoints = (uid: string): Endpoints => ({
  metadata: { name: 'web', namespace: 'shop', uid },
  subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
});

/** As the server would hold it. */
function stored(uid: string): EndpointSlice {
  const [slice] = planMirror(endpoints(uid), []).creates;
  return { ...slice!, metadata: { ...slice!.metadata, name: 'web-0' } };
}

describe('planMirror', () => {
  it('writes nothing when nothing changed', () => {
    const { creates, updates, deletes } = planMirror(endpoints('1'), [stored('1')]);
    assert.deepEqual([creates, updates, deletes], [[], [], []]);
  });

  it('takes over the slice of earlier Endpoints of that name, before it goes with them', () => {
    const { creates, updates, deletes } = planMirror(endpoints('2'), [stored('1')]);
    assert.deepEqual([creates, deletes], [[], []]);
    assert.deepEqual(
      updates.map(({ metadata }) => [metadata?.name, metadata?.ownerReferences?.[0]?.uid]),
      [['web-0', '2']],
    );
  });
});
