/** Two candidates and one lease. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '#api/gen/coordination-v1.ts';
import { conflict, notFound, OBJECT_MODIFIED } from '#api/meta/status.ts';
import { microTimeText } from '#api/meta/time.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Client } from './client.ts';
import { runLeaderElection } from './leader-election.ts';

const LEASES = { group: 'coordination.k8s.io', resource: 'leases' };

/** One lease, with optimistic concurrency; deaf to those who are cut off. */
class LeaseServer {
  lease: Lease | undefined;
  readonly cutOff = new Set<string>();
  /** How far the clocks of candidates are off. */
  readonly skewMs = new Map<string, number>();
  /** When the lease was written last. */
  storedMs = 0;
  readonly #environment: VirtualEnvironment;
  #revision = 0;

  constructor(environment: VirtualEnvironment) {
    this.#environment = environment;
  }

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
      create: (_type: unknown, lease: Lease) => ask(() => this.#store(lease, identity)),
      update: (_type: unknown, lease: Lease) =>
        ask(() => {
          if (lease.metadata?.resourceVersion !== this.lease?.metadata?.resourceVersion)
            throw conflict(LEASES, 'x', OBJECT_MODIFIED);
          return this.#store(lease, identity);
        }),
    } as unknown as Client;
  }

  #store(lease: Lease, identity: string): Lease {
    this.#revision++;
    this.storedMs = this.#environment.elapsedMs;
    const saidMs = Date.parse(lease.spec?.renewTime ?? '') + (this.skewMs.get(identity) ?? 0);
    this.lease = {
      ...lease,
      spec: { ...lease.spec, renewTime: microTimeText(saidMs) },
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
  const environment = new VirtualEnvironment();
  const server = new LeaseServer(environment);
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

  it('is followed when its last renewal is as long ago as the lease lasts, whatever its clock says', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { environment, leading, join, server } = world();
      server.skewMs.set('a', seed % 2 === 0 ? -3_600_000 : 3_600_000);
      join('a');
      await environment.runUntilIdle();
      join('b');
      await environment.advance(60_000 + seed * 137);
      const renewedMs = server.storedMs;
      server.cutOff.add('a');
      await environment.advance(14_999 - (environment.elapsedMs - renewedMs));
      assert.ok(!leading.has('b'), 'the lease still holds');
      await environment.advance(1_500);
      assert.deepEqual([...leading], ['b']);
    }
  });

  it('is followed as soon by one who has not been there for long', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { environment, leading, join, server } = world();
      join('a');
      await environment.advance(60_000 + seed * 137);
      join('b');
      await environment.advance(3_000);
      const renewedMs = server.storedMs;
      server.cutOff.add('a');
      await environment.advance(15_150 - (environment.elapsedMs - renewedMs));
      assert.deepEqual([...leading], ['b'], `seed ${seed}`);
    }
  });

  it('is not followed when its clock is set, back or forward, while it renews', async () => {
    for (const setMs of [-3_600_000, -56_000, -4_000, 4_000, 3_600_000]) {
      const { environment, leading, join, server } = world();
      join('a');
      await environment.runUntilIdle();
      join('b');
      await environment.advance(61_000);
      server.skewMs.set('a', setMs);
      await environment.advance(60_000);
      assert.deepEqual([[...leading], server.lease?.spec?.leaseTransitions], [['a'], 0]);
    }
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
