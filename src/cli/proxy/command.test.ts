/**
 * The proxy as a process of its own: an API server over TLS on one side, a real kernel on the other,
 * in a network namespace that is made for it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import { realProcesses } from '#edge/processes.ts';
import { unlessNetworkNamespaces } from '#kit/network-namespaces.ts';
import { freePort, testServer } from '../component/test-server.ts';
import { parseFlags } from '../flags.ts';
import { type Machine, proxyProcess } from './command.ts';
import { PROXY } from './flags.ts';

const NAMESPACE = `coxcp${process.pid}`;
const skip = unlessNetworkNamespaces(NAMESPACE, ['nft', 'conntrack']);

/** Standard output of nft in the namespace; empty when it fails. */
function nft(...args: string[]): string {
  return spawnSync('ip', ['netns', 'exec', NAMESPACE, 'nft', ...args], { encoding: 'utf8' }).stdout;
}

async function until<T>(look: () => Promise<T> | T, isRight: (seen: T) => boolean): Promise<T> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (isRight(seen)) return seen;
    if (performance.now() > endMs) assert.fail(`it stays ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('cox proxy brings Services into the kernel, and says how it is', { skip }, async (t) => {
  spawnSync('ip', ['netns', 'add', NAMESPACE]);
  t.after(() => spawnSync('ip', ['netns', 'del', NAMESPACE]));
  const real = realProcesses();
  const sysctls: string[] = [];
  const machine: Machine = {
    families: ['ip', 'ip6'],
    processes: {
      async run(command, args, options) {
        const none = new Uint8Array();
        if (command !== 'sysctl')
          return real.run('ip', ['netns', 'exec', NAMESPACE, command, ...args], options);
        sysctls.push(args.join(' '));
        return { exitCode: 0, stdout: none, stderr: none };
      },
    },
  };
  const server = await testServer(t);
  const { client, pki } = server;
  const kubeconfig = server.kubeconfig('proxy', pki.proxy);
  const [healthz, metrics] = [await freePort(), await freePort()];
  const stopping = new AbortController();
  const flags = parseFlags(PROXY, [
    `--kubeconfig=${kubeconfig}`,
    '--hostname-override=N1',
    `--healthz-bind-address=127.0.0.1:${healthz}`,
    `--metrics-bind-address=127.0.0.1:${metrics}`,
    '--cluster-cidr=10.244.0.0/16',
    '--oom-score-adj=0',
    '--iptables-min-sync-period=0s',
    '--iptables-sync-period=100ms',
    '--conntrack-tcp-timeout-close-wait=2h',
  ]);
  t.after(() => stopping.abort());
  const work = proxyProcess(flags, stopping.signal, machine);
  // It waits for its Node, and for that to have an address.
  const { metadata } = await client.create(NODE, { metadata: { name: 'n1' } });
  await client.update(
    NODE,
    {
      metadata: metadata ?? {},
      status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
    },
    'status',
  );
  await client.create(SERVICE, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.77', ports: [{ port: 80 }] },
  });
  await client.create(ENDPOINT_SLICE, {
    metadata: {
      name: 'web-1',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'web' },
      annotations: {
        'endpoints.kubernetes.io/last-change-trigger-time': new Date(
          Date.now() + 3_600_000,
        ).toISOString(),
      },
    },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080 }],
    endpoints: [{ addresses: ['10.244.0.9'], nodeName: 'n1' }],
  });
  const endpoints = (): string => nft('list', 'map', 'ip', 'kube-proxy', 'endpoints');
  const wanted = '10.96.0.77 . tcp . 80 . 0 : 10.244.0.9 . 8080';
  await until(endpoints, (text) => text.includes(wanted));
  const rules = nft('list', 'table', 'ip', 'kube-proxy');
  assert.match(rules, /ip daddr != 127\.0\.0\.0\/8 ip daddr 192\.0\.2\.1 fib daddr type local/);
  // The range of Services is the API's.
  await until(
    () => nft('list', 'chain', 'ip', 'kube-proxy', 'refuse_forwarded'),
    (text) => text.includes('ip daddr 10.96.0.0/16 goto refuse'),
  );
  // There was nothing of IPv6; the rules are there.
  assert.match(nft('list', 'tables'), /table ip6 kube-proxy/);
  assert.ok(sysctls.includes('-qw net.netfilter.nf_conntrack_tcp_timeout_close_wait=7200'));

  const ask = async (port: number, url: string): Promise<[status: number, text: string]> => {
    const http = httpClient({ host: '127.0.0.1', port });
    const { status, body } = await http.handler({ method: 'GET', url, headers: {} });
    const text = Buffer.from(await readBody(body)).toString();
    http.close();
    return [status, text];
  };
  const [status, text] = await ask(healthz, '/healthz');
  assert.equal(status, 200);
  assert.match(text, /^\{"lastUpdated": ".* UTC","currentTime": ".* UTC", "nodeEligible": true\}$/);
  assert.equal((await ask(metrics, '/proxyMode'))[1], 'nftables');
  const [, configz] = await ask(metrics, '/configz');
  assert.equal(JSON.parse(configz)['kubeproxy.config.k8s.io'].hostnameOverride, 'n1');
  const [, page] = await ask(metrics, '/metrics');
  assert.match(page, /kubeproxy_sync_proxy_rules_endpoint_changes_total\{ip_family="IPv4"\} [1-9]/);
  assert.match(page, /kubeproxy_network_programming_duration_seconds_count\{ip_family="IPv4"\} 1/);
  assert.equal((await ask(metrics, '/nothing'))[0], 404);

  // Somebody clears all tables: a firewall that starts again.
  nft('flush', 'ruleset');
  await until(endpoints, (listed) => listed.includes(wanted));

  const node = await client.get(NODE, 'n1');
  const taint = { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' as const };
  await client.update(NODE, { ...node, spec: { ...node.spec, taints: [taint] } });
  await until(
    () => ask(healthz, '/healthz'),
    ([code, said]) => code === 503 && said.endsWith('"nodeEligible": false}'),
  );
  assert.equal((await ask(healthz, '/livez'))[0], 200);

  stopping.abort();
  await work;
  assert.ok(endpoints().includes(wanted), 'traffic flows on');
  await proxyProcess(parseFlags(PROXY, ['--cleanup']), new AbortController().signal, machine);
  assert.equal(nft('list', 'tables').trim(), '');
});
