import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Handler } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { healthPage, metricsPage, readyPage } from './pages.ts';

async function get(page: Handler, url: string): Promise<[status: number, body: string]> {
  const { status, body } = await page({ method: 'GET', url, headers: {} });
  assert.ok(body?.kind === 'bytes');
  return [status, Buffer.from(body.bytes).toString()];
}

describe('pages', () => {
  it('answer as those of CoreDNS', async () => {
    const server = { isReady: false };
    const registry = new MetricRegistry();
    registry.counter({ name: 'coredns_x', help: 'X.', labels: [] });
    assert.deepEqual(await get(healthPage(), '/health'), [200, 'OK']);
    assert.deepEqual(await get(readyPage(server), '/ready?x=1'), [503, 'kubernetes']);
    server.isReady = true;
    assert.deepEqual(await get(readyPage(server), '/ready'), [200, 'OK']);
    const metrics = await get(metricsPage(registry), '/metrics');
    assert.deepEqual(metrics, [
      200,
      '# HELP coredns_x X.\n# TYPE coredns_x counter\ncoredns_x 0\n',
    ]);
    for (const page of [healthPage(), readyPage(server), metricsPage(registry)])
      assert.deepEqual(await get(page, '/'), [404, '404 page not found\n']);
  });
});
