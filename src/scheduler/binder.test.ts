/** What a binding says when it fails, and what does not make it fail. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '#client/client.ts';
import { aPod } from '#kit/scheduler-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { Binder } from './binder.ts';
import type { Reservation } from './framework.ts';
import { podInfo } from './pod-info.ts';

const refused = (): Promise<never> => Promise.reject(new Error('no luck'));

/** Something that is ready at once. */
const RESERVATION: Reservation = {
  plugin: 'VolumeBinding',
  writes: [],
  release: () => {},
  isReady: () => true,
  describe: (message) => message,
};

function bind(client: Partial<Client>, reservations: readonly Reservation[] = []): Promise<void> {
  const binder = new Binder({
    environment: new VirtualEnvironment(),
    client: client as Client,
    onSlots: () => {},
    onWait: () => {},
    bindElsewhere: async () => false,
  });
  return binder.bind({ info: podInfo(aPod('p')), node: 'a', reservations, timeoutMs: 1_000 });
}

describe('a binding', () => {
  it('that the API refuses is told of as the plug-in that asked for it', async () => {
    await assert.rejects(bind({ createSubresource: refused }), {
      message: 'running Bind plugin "DefaultBinder": no luck',
    });
  });

  it('comes about though nobody could be told of it before', async () => {
    const bound: string[] = [];
    const createSubresource = async (...[, { name }]: Parameters<Client['createSubresource']>) => {
      bound.push(name);
      return {};
    };
    await bind({ createSubresource, patch: refused } as Partial<Client>, [RESERVATION]);
    assert.deepEqual(bound, ['p']);
  });
});
