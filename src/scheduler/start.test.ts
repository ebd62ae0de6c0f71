import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { schedulerRecorders } from './recorder.ts';
import { Scheduler } from './scheduler.ts';

describe('a scheduler that is told to stop before it has read the cluster', () => {
  it('has started, as far as its caller waits for that, and can end', async () => {
    const environment = new VirtualEnvironment();
    const refused = (): Promise<never> => Promise.reject(new Error('connection refused'));
    const client = { list: refused, watch: refused } as unknown as Client;
    const stop = new AbortController();
    const { signal } = stop;
    const scheduler = new Scheduler({
      environment,
      client,
      informers: new InformerFactory({ client, environment }),
      eventsOf: schedulerRecorders({ client, environment, signal }),
    });
    let isOver = false;
    const started = scheduler.start(signal).then(() => (isOver = true));
    await environment.advance(120_000);
    assert.equal(isOver, false);
    stop.abort();
    await environment.resolve(started);
  });
});
