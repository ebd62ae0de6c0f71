/** A volume that is to leave a node: what is asked and said before it is taken. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import type { VolumeAttachment } from '#api/gen/storage-v1.ts';
import { notFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import { Actual } from './actual.ts';
import { Desired } from './desired.ts';
import type { AttachMetrics } from './metrics.ts';
import { VolumeSync } from './volume-sync.ts';

const VOLUME = 'kubernetes.io/csi/csi.example.com^h';

interface World {
  /** What the node says of itself, which the cache does not know yet; undefined: it is gone. */
  readonly live?: Node | undefined;
  readonly tellFails?: boolean;
}

/** What is done, in order, with a volume that nobody wants and that the cache calls unused. */
async function leave({
  live,
  tellFails = false,
}: World): Promise<{ done: string[]; actual: Actual }> {
  const done: string[] = [];
  const actual = new Actual();
  actual.add(VOLUME, 'node', true);
  actual.setInUse('node', []);
  const client = {
    get: () => {
      if (live === undefined) throw notFound({ group: '', resource: 'nodes' }, 'node');
      return Promise.resolve(live);
    },
    delete: async () => {
      done.push('delete');
    },
  } as unknown as Client;
  const sync = new VolumeSync({
    events: {} as EventRecorder,
    clock: { now: () => 0, monotonicMs: () => 0 },
    desired: new Desired(),
    actual,
    nodes: { get: () => undefined } as unknown as Informer<Node>,
    attachments: { get: () => ({}) } as unknown as Informer<VolumeAttachment>,
    neverForces: false,
    metrics: { detachForced: () => {}, ended: () => {} } as unknown as AttachMetrics,
    tellNode: async () => {
      done.push(`tell ${actual.reportedOn('node').length}`);
      if (tellFails) throw new Error('no route');
    },
  });
  await sync.sync(VOLUME, client).catch(() => {});
  return { done, actual };
}

describe('a volume that is to leave its node', () => {
  it('is taken after the node was told that it may not be mounted', async () => {
    const { done } = await leave({ live: { status: { volumesInUse: [] } } });
    assert.deepEqual(done, ['tell 0', 'delete']);
  });

  it('is taken from a node that is gone', async () => {
    const { done } = await leave({});
    assert.deepEqual(done, ['tell 0', 'delete']);
  });

  it('stays when the node uses it after all', async () => {
    const { done, actual } = await leave({ live: { status: { volumesInUse: [VOLUME] } } });
    assert.deepEqual(done, ['tell 0']);
    assert.equal(actual.get(VOLUME, 'node')?.isConfirmed, false, 'to be attached anew');
  });

  it('stays, and may be mounted, when the node cannot be told', async () => {
    const { done, actual } = await leave({ live: {}, tellFails: true });
    assert.deepEqual(done, ['tell 0']);
    assert.deepEqual(actual.reportedOn('node'), [VOLUME]);
  });
});
