import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { NetworkPolicy } from '#api/gen/networking-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Processes, ProcessResult } from '#base/doors.ts';
import type { Client, WatchEvent } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { NetworkPolicyEnforcer, removeNetworkPolicyTables } from './enforcer.ts';

/** One watch for each kind, fed by the test. */
class FakeServer {
  readonly watchers = new Map<string, (event: WatchEvent<KubeObject>) => void>();
  revision = 1;

  get client(): Client {
    const client: Pick<Client, 'list' | 'watch'> = {
      list: () => Promise.resolve({ items: [], resourceVersion: '1' }),
      watch: (type, options, onEvent) => {
        this.watchers.set(type.plural, onEvent as (event: WatchEvent<KubeObject>) => void);
        return new Promise((resolve) => options.signal?.addEventListener('abort', () => resolve()));
      },
    };
    return client as Client;
  }

  put(plural: string, object: KubeObject, type: 'MODIFIED' | 'DELETED' = 'MODIFIED'): void {
    this.revision++;
    const resourceVersion = String(this.revision);
    const metadata = { ...object.metadata, resourceVersion, uid: object.metadata?.name ?? '' };
    this.watchers.get(plural)?.({ type, object: { ...object, metadata } });
  }
}

class FakeNft implements Processes {
  readonly scripts: string[] = [];
  /** Scripts that match fail, so many times. */
  refusal: { readonly pattern: RegExp; times: number } | undefined;

  run(
    _command: string,
    _args: readonly string[],
    options: { input?: Uint8Array | string } = {},
  ): Promise<ProcessResult> {
    const script = String(options.input);
    this.scripts.push(script);
    const isRefused = this.refusal?.pattern.test(script) === true && this.refusal.times-- > 0;
    const none = new Uint8Array(0);
    return Promise.resolve({
      exitCode: isRefused ? 1 : 0,
      stdout: none,
      stderr: Buffer.from('netlink: busy'),
    });
  }
}

function pod(name: string, address: string, labels: Record<string, string> = {}): Pod {
  return {
    metadata: { namespace: 'd', name, labels },
    spec: { nodeName: 'n1', containers: [] },
    status: { phase: 'Running', podIP: address },
  };
}

const POLICY: NetworkPolicy = {
  metadata: { namespace: 'd', name: 'p' },
  spec: {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }],
  },
};

async function world(nft = new FakeNft()) {
  const environment = new VirtualEnvironment();
  const server = new FakeServer();
  const stop = new AbortController();
  const informers = new InformerFactory({ client: server.client, environment });
  const enforcer = new NetworkPolicyEnforcer({
    environment,
    informers,
    processes: nft,
    portsOfBridge: () => ['veth1'],
    node: 'n1',
    table: {
      table: 't',
      podRanges: ['10.0.0.0/8'],
      bridge: { name: 'br0', address: '02:00:00:00:00:01' },
    },
  });
  informers.start(stop.signal);
  const started = enforcer.start(stop.signal);
  await environment.advance(1_000);
  await started;
  return { environment, server, nft, stop };
}

const ELEMENTS = /^(add|delete) element .*$/gm;

describe('NetworkPolicyEnforcer', () => {
  it('writes both tables first, then only what changed, gathered', async () => {
    const { environment, server, nft, stop } = await world();
    assert.match(nft.scripts[0] ?? '', /^table inet t\ndelete table inet t\n/);
    assert.match(nft.scripts[1] ?? '', /^table bridge t\ndelete table bridge t\n/);
    assert.match(nft.scripts[1] ?? '', /ports \{ "veth1" \}\n$/);
    server.put('pods', pod('db', '10.0.0.1', { app: 'db' }));
    server.put('pods', pod('other', '10.0.0.3'));
    await environment.advance(100);
    assert.equal(nft.scripts.length, 2, 'no pod is isolated');
    server.put('networkpolicies', POLICY);
    await environment.advance(100);
    assert.equal(nft.scripts.length, 3);
    assert.match(
      nft.scripts[2] ?? '',
      /^add set .*\n(.*\n)*add element inet t ingress \{ 10\.0\.0\.1 : /,
    );
    assert.match(
      nft.scripts[2] ?? '',
      /^add element inet t known \{ 10\.0\.0\.1, 10\.0\.0\.3 \}$/m,
    );
    server.put('pods', pod('web', '10.0.0.2', { app: 'web' }));
    await environment.advance(100);
    assert.match(
      nft.scripts[3] ?? '',
      /^add element inet t known \{ 10\.0\.0\.2 \}\nadd element inet t ingress-[0-9a-f]{16}-0 \{ 10\.0\.0\.2 \}\n$/,
    );
    server.put('pods', pod('web', '10.0.0.2', { app: 'web' }), 'DELETED');
    await environment.advance(100);
    assert.match(
      nft.scripts[4] ?? '',
      /^delete element inet t known \{ 10\.0\.0\.2 \}\ndelete element inet t ingress-[0-9a-f]{16}-0 \{ 10\.0\.0\.2 \}\n$/,
    );
    server.put('networkpolicies', POLICY, 'DELETED');
    await environment.advance(100);
    assert.deepEqual(nft.scripts[5]?.match(ELEMENTS), [
      'delete element inet t ingress { 10.0.0.1 }',
      'delete element inet t itself { 10.0.0.1 . 10.0.0.1 }',
    ]);
    stop.abort();
  });

  it('writes nothing for changes that change no rule', async () => {
    const { environment, server, nft, stop } = await world();
    const elsewhere: Pod = {
      ...pod('web', '10.0.0.2', { app: 'web' }),
      spec: { nodeName: 'n2', containers: [] },
    };
    server.put('pods', elsewhere);
    server.put('namespaces', { metadata: { name: 'd' } });
    server.put('networkpolicies', POLICY);
    await environment.advance(1_000);
    assert.equal(nft.scripts.length, 2);
    stop.abort();
  });

  it('writes the whole table again after a failure, and loses nothing', async () => {
    const { environment, server, nft, stop } = await world();
    nft.refusal = { pattern: /./, times: 2 };
    server.put('networkpolicies', POLICY);
    server.put('pods', pod('db', '10.0.0.1', { app: 'db' }));
    await environment.advance(5_000);
    assert.equal(nft.scripts.length, 6);
    assert.match(nft.scripts[4] ?? '', /^table inet t\ndelete table inet t\n/);
    assert.match(
      nft.scripts[4] ?? '',
      /add element inet t ingress \{ 10\.0\.0\.1 : goto isolated-/,
    );
    stop.abort();
  });

  it('polices what is routed where the kernel has no tables of bridges', async () => {
    const refusing = new FakeNft();
    refusing.refusal = { pattern: /^table bridge/, times: Infinity };
    const { environment, server, nft, stop } = await world(refusing);
    server.put('networkpolicies', POLICY);
    server.put('pods', pod('db', '10.0.0.1', { app: 'db' }));
    await environment.advance(1_000);
    assert.equal(nft.scripts.length, 3);
    assert.match(nft.scripts[2] ?? '', /add element inet t ingress/);
    stop.abort();
  });

  it('removes both tables, and an older version’s', async () => {
    const nft = new FakeNft();
    await removeNetworkPolicyTables(nft, 't');
    assert.deepEqual(nft.scripts, [
      'table inet t\ndelete table inet t\n',
      'table bridge t\ndelete table bridge t\n',
      'table ip t\ndelete table ip t\n',
    ]);
  });
});
