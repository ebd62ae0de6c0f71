/** Certificates that are out of date, counted and told: of webhooks, and of aggregated servers. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CertificateFault, HttpResponse } from '#base/http/message.ts';
import type { TestApiServer } from '#kit/api-server.ts';
import { BATCH, type Event, MemoryOutput } from '#kit/audit.ts';
import { AggregatedServers, GROUP_PATH } from '#kit/extension-server.ts';
import { json, WebhookServer } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const FLUNDERS = `${GROUP_PATH}/namespaces/default/flunders`;

/** As it comes from a client that notices what certificates are. */
class RefusedError extends Error {
  readonly certificateFaults: readonly CertificateFault[] = ['missing-san'];
}

/** The counters by their names, shortened. */
async function counted(api: TestApiServer): Promise<Record<string, number>> {
  const { body } = await api.call('GET /metrics');
  const lines = String(body).matchAll(/^apiserver_(\w+)_x509_(\w+)_total (\d+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, asks, what, count]) => [`${asks} ${what}`, Number(count)]),
  );
}

const NONE = {
  'kube_aggregator insecure_sha1': 0,
  'kube_aggregator missing_san': 0,
  'webhooks insecure_sha1': 0,
  'webhooks missing_san': 0,
};

describe('certificates of webhooks that are out of date', () => {
  it('are counted, of answers and of failures to connect', async () => {
    const hooks = await WebhookServer.start();
    const { api } = hooks;
    assert.deepEqual(await counted(api), NONE);
    await hooks.hook('a', '/one', { failurePolicy: 'Ignore' });
    const refused: () => Promise<HttpResponse> = () => Promise.reject(new RefusedError('no'));
    hooks.answer('/one', refused);
    await api.must(`POST ${MAPS}`, { metadata: { name: 'a' } });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'b' } });
    assert.deepEqual(await counted(api), { ...NONE, 'webhooks missing_san': 2 });
    hooks.answer('/one', async ({ review: { apiVersion, kind, request } }) => ({
      ...json(200, { apiVersion, kind, response: { uid: request.uid, allowed: true } }),
      certificateFaults: ['insecure-sha1'],
    }));
    await api.must(`POST ${MAPS}`, { metadata: { name: 'c' } });
    assert.deepEqual(await counted(api), {
      ...NONE,
      'webhooks insecure_sha1': 1,
      'webhooks missing_san': 2,
    });
  });

  it('are counted of those that tell who asks', async () => {
    const { api } = await WebhookServer.start({
      backends: { to: () => () => Promise.reject(new RefusedError('no')) },
      authentication: {
        webhook: {
          endpoint: { backend: { host: 'tokens.example.com', port: 443 }, path: '/' },
          version: 'v1',
          cacheMs: 0,
        },
      },
    });
    const headers = { authorization: 'Bearer unknown', accept: 'application/json' };
    const asked = api.server.handler({ method: 'GET', url: '/api', headers });
    assert.equal((await api.environment.resolve(asked)).status, 401);
    assert.deepEqual(await counted(api), { ...NONE, 'webhooks missing_san': 1 });
  });
});

describe('the certificate of the audit webhook', () => {
  it('is counted when it is out of date', async () => {
    let asked = 0;
    const { api } = await WebhookServer.start({
      audit: {
        policy: {
          rules: [{ level: 'Metadata', resources: [{ group: '', resources: ['configmaps'] }] }],
        },
        webhook: {
          mode: 'blocking',
          batch: BATCH,
          url: '/',
          initialBackoffMs: 1,
          handler: async () => {
            asked += 1;
            return { ...json(200, {}), certificateFaults: ['missing-san'] };
          },
        },
      },
    });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    assert.deepEqual(await counted(api), { ...NONE, 'webhooks missing_san': asked });
    assert.ok(asked > 0);
  });
});

describe('certificates of aggregated servers that are out of date', () => {
  const output = new MemoryOutput();
  let servers: AggregatedServers;

  before(async () => {
    servers = new AggregatedServers({
      audit: {
        policy: { rules: [{ level: 'None', users: ['system:apiserver'] }, { level: 'Metadata' }] },
        log: { mode: 'blocking', batch: BATCH, format: 'json', output },
      },
      backends: {
        to: () => async (request) => {
          const peer = { frontProxy: { commonName: 'front-proxy-client' } };
          const answer = await servers.extension.handler({ ...request, peer });
          return { ...answer, certificateFaults: ['missing-san'] };
        },
      },
    });
    const { api } = servers;
    await api.environment.resolve(api.server.start());
    await api.must('POST /api/v1/namespaces', { metadata: { name: 'wardle' } });
    await servers.serve();
  });

  it('are counted for what is passed on, not for looking whether they are there', async () => {
    const { api, extension } = servers;
    await servers.settle(31_000);
    const checks = extension.asked.filter(({ url }) => url === GROUP_PATH);
    assert.ok(checks.length >= 2);
    await api.must(`POST ${FLUNDERS}`, { metadata: { name: 'a' } });
    assert.deepEqual(await counted(api), {
      ...NONE,
      'kube_aggregator missing_san': extension.asked.length - checks.length,
    });
  });

  it('are told in the audit event of the request', async () => {
    output.text = '';
    await servers.api.must(`POST ${FLUNDERS}`, { metadata: { name: 'b' } });
    const events = output.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Event);
    assert.equal(
      events.at(-1)?.['annotations']['missing-san.invalid-cert.kubernetes.io/10.244.0.7'],
      'relies on a legacy Common Name field instead of the SAN extension for subject validation',
    );
  });
});
