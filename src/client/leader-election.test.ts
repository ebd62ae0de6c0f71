/** Two candidates and one lease. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '#api/gen/coordination-v1.ts';
import { conflict, notFound, OBJECT_MODIFIED } from '#api/meta/status.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Client } from './client.ts';
import { runLeaderElection } from './leader-election.ts';

const LEASES = { group: 'coordination.k8s.io', resource: 'leases' };

/** One lease, with optimistic concurrency; deaf to those who are cut off. */
class LeaseServer {
  lease: Lease | undefined;
  readonly cutOff = new Set<string>();
  #revision = 0;

  client(identity: string): Client {
    const ask = <R>(answer: () => R): Promise<R> => {
      if (this.cutOff.has(identity)) return Promise.reject(new Error('connection refused'));
      try {
        return Promise.resolve(answer());
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return {
      get: () =>
        ask(() => {
          if (this.lease === undefined) throw notFound(LEASES, 'x');
          return structuredClone(this.lease);
        }),
      create: (_type: unknown, lease: Lease) => ask(() => this.#store(lease)),
      update: (_type: unknown, lease: Lease) =>
        ask(() => {
          if (lease.metadata?.resourceVersion !== this.lease?.metadata?.resourceVersion)
            throw conflict(LEASES, 'x', OBJECT_MODIFIED);
          return this.#store(lease);
        }),
    } as unknown as Client;
  }

  #store(lease: Lease): Lease {
    this.#revision++;
    this.lease = {
      ...lease,
      metadata: { ...lease.metadata, resourceVersion: String(this.#revision) },
    };
    return structuredClone(this.lease);
  }
}

interface World {
  readonly server: LeaseServer;
  readonly environment: VirtualEnvironment;
  readonly leading: Set<string>;
  readonly join: (identity: string) => AbortController;
}

function world(): World {
  const server = new LeaseServer();
  const environment = new VirtualEnvironment();
  const leading = new Set<string>();
  const join = (identity: string): AbortController => {
    const stop = new AbortController();
    void runLeaderElection({
      client: server.client(identity),
      environment,
      name: 'x',
      namespace: 'kube-system',
      identity,
      signal: stop.signal,
      lead: (signal) =>
        new Promise((resolve) => {
          leading.add(identity);
          assert.ok(leading.size <= 1, 'two leaders at once');
          signal.addEventListener('abort', () => {
            leading.delete(identity);
            resolve();
          });
        }),
    });
    return stop;
  };
  return { server, environment, leading, join };
}

describe('runLeaderElection', () => {
  it('has one leader, who stays', async () => {
    const { environment, leading, join, server } = world();
    join('a');
    await environment.runUntilIdle();
    join('b');
    await environment.advance(120_000);
    assert.deepEqual([...leading], ['a']);
    assert.deepEqual(
      [server.lease?.spec?.leaseDurationSeconds, server.lease?.spec?.leaseTransitions],
      [15, 0],
    );
  });

  it('is followed by another within the lease when it is cut off, and has stopped before', async () => {
    const { environment, leading, join, server } = world();
    join('a');
    await environment.runUntilIdle();
    join('b');
    await environment.advance(20_000);
    server.cutOff.add('a');
    await environment.advance(12_000);
    assert.deepEqual([...leading], [], 'a has stopped, b waits');
    await environment.advance(15_000);
    assert.deepEqual([...leading], ['b']);
    assert.equal(server.lease?.spec?.leaseTransitions, 1);
  });

  it('hands over at once when it stops in order', async () => {
    const { environment, leading, join } = world();
    const a = join('a');
    await environment.runUntilIdle();
    join('b');
    await environment.advance(20_000);
    a.abort();
    await environment.advance(5_000);
    assert.deepEqual([...leading], ['b']);
  });
});
