import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { readBody } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { IPV4, IPV6, service, world } from '#kit/service-proxy.ts';

describe('what the proxy says of itself', () => {
  it('counts what it does', async () => {
    const metrics = new MetricRegistry();
    const { environment, server, nft, started, stop } = world({ metrics, tables: [IPV4, IPV6] });
    const value = (name: string): string[] =>
      metrics
        .text()
        .split('\n')
        .filter((line) => line.startsWith(`kubeproxy_${name}`))
        .map((line) => line.replace(/^kubeproxy_\w+/, ''));
    await environment.advance(100);
    await started;
    nft.takesMs = 250;
    const local = service('a', '10.96.0.1');
    local.spec = { ...local.spec, internalTrafficPolicy: 'Local' };
    server.put('services', local, 'ADDED');
    const triggerMs = environment.clock.now();
    server.put(
      'endpointslices',
      {
        metadata: {
          name: 'a',
          namespace: 'd',
          labels: { 'kubernetes.io/service-name': 'a' },
          annotations: {
            'endpoints.kubernetes.io/last-change-trigger-time': new Date(triggerMs).toISOString(),
          },
        },
        addressType: 'IPv4',
        ports: [{ port: 80 }],
        endpoints: [{ addresses: ['10.244.1.1'], nodeName: 'n2' }],
      } as EndpointSlice,
      'ADDED',
    );
    await environment.advance(100);
    assert.deepEqual(value('sync_proxy_rules_endpoint_changes_pending'), [
      '{ip_family="IPv4"} 1',
      '{ip_family="IPv6"} 0',
    ]);
    await environment.advance(1_000);
    assert.deepEqual(value('sync_proxy_rules_endpoint_changes_pending'), [
      '{ip_family="IPv4"} 0',
      '{ip_family="IPv6"} 0',
    ]);
    assert.deepEqual(value('sync_proxy_rules_service_changes_total'), [
      '{ip_family="IPv4"} 1',
      '{ip_family="IPv6"} 1',
    ]);
    assert.deepEqual(value('network_programming_duration_seconds_sum'), [
      '{ip_family="IPv4"} 0.26',
    ]);
    assert.deepEqual(value('sync_partial_proxy_rules_duration_seconds_sum'), [
      '{ip_family="IPv4"} 0.25',
      '{ip_family="IPv6"} 0.25',
    ]);
    assert.deepEqual(
      value('sync_full_proxy_rules_duration_seconds_count')[0],
      '{ip_family="IPv4"} 1',
    );
    assert.deepEqual(value('sync_proxy_rules_no_local_endpoints_total'), [
      '{ip_family="IPv4",traffic_policy="internal"} 1',
      '{ip_family="IPv4",traffic_policy="external"} 0',
      '{ip_family="IPv6",traffic_policy="internal"} 0',
      '{ip_family="IPv6",traffic_policy="external"} 0',
    ]);
    nft.failures = 1;
    server.put('services', local, 'DELETED');
    await environment.advance(3_000);
    // A change is measured once, whatever is written later.
    assert.deepEqual(value('network_programming_duration_seconds_count'), ['{ip_family="IPv4"} 1']);
    assert.equal(value('sync_proxy_rules_nftables_sync_failures_total')[0], '{ip_family="IPv4"} 1');
    assert.equal(value('sync_proxy_rules_no_local_endpoints_total')[0]?.endsWith(' 0'), true);
    stop.abort();
  });

  it('is unhealthy when changes wait for too long, and its node not eligible when it goes', async () => {
    const { environment, server, nft, proxy, started, stop } = world({ syncPeriodMs: 10_000 });
    const ask = async (url: string): Promise<unknown[]> => {
      const { status, body } = await proxy.health.handler({ method: 'GET', url, headers: {} });
      const text = Buffer.from(await readBody(body)).toString();
      return [status, ...(status === 404 ? [] : [JSON.parse(text)])];
    };
    const code = async (url: string): Promise<unknown> => (await ask(url))[0];
    await environment.advance(100);
    await started;
    const now = environment.clock.now();
    const time = `${new Date(now)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.?0*Z$/, '')} +0000 UTC`;
    assert.deepEqual(await ask('/healthz?x'), [
      200,
      { lastUpdated: time, currentTime: time, nodeEligible: true },
    ]);
    assert.deepEqual(await ask('/livez'), [200, { lastUpdated: time, currentTime: time }]);
    assert.equal(await code('/other'), 404);
    nft.failures = 1_000;
    server.put('services', service('a', '10.96.0.1'), 'ADDED');
    await environment.advance(19_999);
    assert.equal(await code('/livez'), 200);
    server.put('services', service('b', '10.96.0.2'), 'ADDED');
    await environment.advance(2);
    assert.equal(await code('/livez'), 503);
    assert.equal(await code('/healthz'), 503);
    assert.equal(
      (JSON.parse(JSON.stringify(await ask('/livez')))[1].lastUpdated as string) < time,
      true,
    );
    nft.failures = 0;
    await environment.advance(40_000);
    assert.equal(await code('/healthz'), 200);
    const node = { metadata: { name: 'n1' } };
    const key = 'ToBeDeletedByClusterAutoscaler';
    const going: [object: KubeObject, type: 'MODIFIED' | 'DELETED'][] = [
      [{ ...node, spec: { taints: [{ key, effect: 'NoSchedule' }] } } as Node, 'MODIFIED'],
      [{ metadata: { name: 'n1', deletionTimestamp: '2026-01-01T00:00:00Z' } }, 'MODIFIED'],
      [node, 'DELETED'],
    ];
    for (const [object, type] of going) {
      server.put('nodes', node);
      await environment.advance(100);
      assert.equal(await code('/healthz'), 200);
      server.put('nodes', object, type);
      await environment.advance(100);
      assert.equal(await code('/healthz'), 503, type);
      assert.equal(await code('/livez'), 200);
    }
    stop.abort();
  });
});
