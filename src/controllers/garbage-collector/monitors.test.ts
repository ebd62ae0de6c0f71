/** What the garbage collector's watches say of themselves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { sampleOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Setup } from '#reconcile/controller.ts';
import type { Graph } from './graph.ts';
import { Monitors } from './monitors.ts';

const PODS = {
  kind: 'APIGroupDiscoveryList',
  items: [
    {
      metadata: { name: '' },
      versions: [
        {
          version: 'v1',
          resources: [
            {
              resource: 'pods',
              responseKind: { group: '', version: 'v1', kind: 'Pod' },
              scope: 'Namespaced',
              verbs: ['delete', 'list', 'watch'],
            },
          ],
        },
      ],
    },
  ],
};

/** After one update against a server that answers so. */
async function errorsOf(client: Partial<Client>): Promise<number> {
  const environment = new VirtualEnvironment();
  const metrics = new MetricRegistry();
  const stop = new AbortController();
  const { signal } = stop;
  const setup = { client, environment, metrics, signal } as unknown as Setup;
  const monitors = new Monitors(setup, {} as Graph);
  await environment.resolve(monitors.update().catch(() => {}));
  stop.abort();
  return sampleOf(metrics, 'garbagecollector_controller_resources_sync_error_total');
}

describe('what is served', () => {
  const raw = (): Promise<string> => Promise.resolve(JSON.stringify(PODS));
  const never = (): Promise<never> => new Promise(() => {});

  it('is no error when all of it is listed', async () => {
    const list = (): Promise<object> => Promise.resolve({ items: [], resourceVersion: '1' });
    assert.equal(await errorsOf({ raw, list, watch: never } as unknown as Client), 0);
  });
  it('is one when a kind is not listed in time', async () => {
    assert.equal(await errorsOf({ raw, list: never, watch: never } as unknown as Client), 1);
  });
  it('is one when the server does not say it', async () => {
    const refuse = (): Promise<never> => Promise.reject(new Error('away'));
    assert.equal(await errorsOf({ raw: refuse } as unknown as Client), 1);
  });
});
