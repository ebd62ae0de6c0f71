/**
 * The proxy of a node in the process of the node: an API server over TLS on one side, a network
 * namespace on the other, and its pages as anybody asks for them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it, test } from 'node:test';
import { NODE } from '#api/core/node.ts';
import type { Processes } from '#base/doors.ts';
import { readBody } from '#base/http/message.ts';
import { realEnvironment } from '#edge/environment.ts';
import { httpClient } from '#edge/http-client.ts';
import { realProcesses } from '#edge/processes.ts';
import { unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { freePort, testServer } from '../component/test-server.ts';
import type { NodeConfig } from '../node-config.ts';
import { nodeProxyConfig, startNodeProxy } from './node-proxy.ts';

const NAMESPACE = `coxnp${process.pid}`;
const skip = unlessNetworkNamespaces(NAMESPACE, ['nft', 'conntrack']);
/** Of loopback, so that nobody else listens there: as a node's own it is as good as any. */
const ADDRESS = '127.77.0.2';
const CONFIG: NodeConfig = {
  name: 'n1',
  hostname: 'n1',
  address: ADDRESS,
  secondAddress: '::1',
  kubeletPort: 10_250,
  apiServer: { host: '127.0.0.1', port: 6443 },
  podCidr: '10.244.0.0/16,fd00:10:244::/48',
  serviceClusterIpRange: '10.96.0.0/16,fd00:10:96::/112',
  dnsAddress: '10.96.0.10',
  clusterDomain: 'cluster.local',
  podNetwork: 'direct',
  sysfs: '/sys',
};

test('the proxy of a node writes a table of each family, and says how it is', {
  skip,
}, async (t) => {
  spawnSync('ip', ['netns', 'add', NAMESPACE]);
  t.after(() => spawnSync('ip', ['netns', 'del', NAMESPACE]));
  const real = realProcesses();
  const processes: Processes = {
    run: (command, args, options) =>
      real.run('ip', ['netns', 'exec', NAMESPACE, command, ...args], options),
  };
  const { client } = await testServer(t);
  await client.create(NODE, { metadata: { name: 'n1' } });
  const [healthz, metricsPort] = [await freePort(), await freePort()];
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  await startNodeProxy({
    environment: realEnvironment({ logLevel: 'error' }),
    client,
    processes,
    signal: stopping.signal,
    config: CONFIG,
    table: 'coxswain-n1',
    podInterface: 'br0',
    masqueradeAll: true,
    pages: {
      healthzBindAddress: `${ADDRESS}:${healthz}`,
      metricsBindAddress: `127.0.0.1:${metricsPort}`,
    },
  });
  const nft = (...words: string[]): Promise<string> =>
    processes.run('nft', words).then(({ stdout }) => Buffer.from(stdout).toString('utf8'));
  assert.match(await nft('list', 'tables'), /table ip coxswain-n1\n[^]*table ip6 coxswain-n1\n/);
  assert.match(
    await nft('list', 'chain', 'ip6', 'coxswain-n1', 'hide_source'),
    /ip6 saddr fd00:10:244::\/48 ip6 daddr != fd00:10:244::\/48 oifname != "br0" masquerade/,
  );

  const ask = async (host: string, port: number, url: string): Promise<string> => {
    const http = httpClient({ host, port });
    const { status, body } = await http.handler({ method: 'GET', url, headers: {} });
    const text = Buffer.from(await readBody(body)).toString();
    http.close();
    return `${status} ${text}`;
  };
  assert.match(await ask(ADDRESS, healthz, '/healthz'), /^200 .*"nodeEligible": true\}$/);
  await assert.rejects(ask('127.77.0.3', healthz, '/healthz'), /ECONNREFUSED/);
  assert.equal(await ask('127.0.0.1', metricsPort, '/proxyMode'), '200 nftables');
  const metrics = await ask('127.0.0.1', metricsPort, '/metrics');
  assert.match(
    metrics,
    /kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv6"\} [1-9]/,
  );
  assert.match(metrics, /process_start_time_seconds /);
  const [, configz = ''] =
    /^200 (.*)$/s.exec(await ask('127.0.0.1', metricsPort, '/configz')) ?? [];
  const shown = JSON.parse(configz)['kubeproxy.config.k8s.io'];
  assert.deepEqual(
    [shown.mode, shown.clusterCIDR, shown.healthzBindAddress, shown.nftables.masqueradeAll],
    ['nftables', CONFIG.podCidr, `${ADDRESS}:${healthz}`, true],
  );

  stopping.abort();
  await assert.rejects(async () => {
    for (;;) await ask(ADDRESS, healthz, '/livez');
  }, /ECONNREFUSED|ECONNRESET|socket/i);
});

it('is at the address of the node and on loopback, of its family, at upstream’s ports', () => {
  const placesOf = (address: string): string[] => {
    const config = { ...CONFIG, address };
    const { healthzBindAddress, metricsBindAddress } = nodeProxyConfig({
      config,
      masqueradeAll: false,
    });
    return [healthzBindAddress, metricsBindAddress];
  };
  assert.deepEqual(placesOf('192.0.2.1'), ['192.0.2.1:10256', '127.0.0.1:10249']);
  assert.deepEqual(placesOf('fd00::1'), ['[fd00::1]:10256', '[::1]:10249']);
});
