/**
 * What admission webhooks are shown of the API server, over real TLS and the product's own sockets:
 * as in `tls.test.ts`, only what is dialled is exchanged.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { WebhookCredentials, WebhookUsers } from '#apiserver/webhooks/credentials.ts';
import { backendConnector } from '#cli/backend-connector.ts';
import { RealTimeServer } from '#kit/real-time-server.ts';
import { CONFIGURATIONS, webhook } from '#kit/webhook-server.ts';
import { type Asked, Authority, HttpsHook } from './https-hook.ts';

const NAME = 'hooks.example.com';
const MAPS = '/api/v1/namespaces/default/configmaps';

const authority = new Authority();
const mutating = new Map<string, () => WebhookCredentials>();
const validating = new Map<string, () => WebhookCredentials>();
let hook: HttpsHook;
let api: RealTimeServer;
let made = 0;

/** One webhook is asked about a new ConfigMap: what it was shown. */
async function shown(kind: 'mutating' | 'validating', clientConfig: object): Promise<Asked> {
  const nth = ++made;
  const configurations = `${CONFIGURATIONS}/${kind}webhookconfigurations`;
  const metadata = { name: `a${nth}` };
  const asks = { clientConfig: { ...clientConfig, caBundle: authority.bundle } };
  const body = { metadata, webhooks: [webhook('a', '/hook', asks)] };
  assert.equal((await api.call(`POST ${configurations}`, body)).status, 201);
  const reply = await api.call(`POST ${MAPS}`, { metadata: { name: `m${nth}` } });
  assert.equal(reply.status, 201, reply.body.message);
  await api.call(`DELETE ${configurations}/${metadata.name}`);
  const asked = hook.asked.at(-1);
  assert.ok(asked !== undefined);
  return asked;
}

const url = (name = NAME): object => ({ url: `https://${name}:${hook.port}/hook` });

const users = (byName: WebhookUsers['byName']): WebhookUsers => ({ byName });
const token = (text: string): WebhookCredentials => ({ headers: { authorization: text } });

before(async () => {
  hook = await HttpsHook.start(authority.shows(NAME));
  const real = backendConnector();
  api = await RealTimeServer.start({
    backends: { to: (backend) => real.to({ ...backend, host: '127.0.0.1' }) },
    admission: {
      configuration: {
        mutatingWebhookUsers: users(mutating),
        validatingWebhookUsers: users(validating),
      },
    },
  });
});

after(async () => {
  await api.stop();
  await hook.stop();
});

beforeEach(() => {
  mutating.clear();
  validating.clear();
});

describe('a webhook', () => {
  it('is shown the user for its server and port, and others nothing', async () => {
    validating.set(`${NAME}:${hook.port}`, () => token('Bearer for-it'));
    validating.set(NAME, () => token('Bearer at-443'));
    const { authorization, commonName } = await shown('validating', url());
    assert.deepEqual([authorization, commonName], ['Bearer for-it', '']);
    validating.delete(`${NAME}:${hook.port}`);
    assert.equal((await shown('validating', url())).authorization, '');
  });

  it('sees another user where it mutates and where it validates, over connections of their own', async () => {
    mutating.set('*', () => ({ certificate: authority.names('mutates'), headers: {} }));
    const validates = authority.names('validates');
    validating.set('*', () => ({ certificate: validates, headers: {} }));
    const seen: string[] = [];
    for (const kind of ['mutating', 'validating', 'mutating', 'validating'] as const)
      seen.push((await shown(kind, url())).commonName);
    assert.deepEqual(seen, ['mutates', 'validates', 'mutates', 'validates']);
    validating.clear();
    assert.equal((await shown('validating', url())).commonName, '');
  });

  it('sees the certificate and the token of the moment', async () => {
    let now: WebhookCredentials = { certificate: authority.names('old'), ...token('Bearer old') };
    validating.set('*', () => now);
    const first = await shown('validating', url());
    now = { certificate: authority.names('new'), ...token('Bearer new') };
    const second = await shown('validating', url());
    assert.deepEqual(
      [first, second].map(({ commonName, authorization }) => [commonName, authorization]),
      [
        ['old', 'Bearer old'],
        ['new', 'Bearer new'],
      ],
    );
  });

  it('behind a Service is named by the Service, not by its endpoint', async () => {
    const other = await HttpsHook.start(authority.shows('web.hooks.svc'));
    const before = hook;
    hook = other;
    try {
      await api.call('POST /api/v1/namespaces', { metadata: { name: 'hooks' } });
      await api.call('POST /api/v1/namespaces/hooks/services', {
        metadata: { name: 'web' },
        spec: { ports: [{ port: 443, targetPort: other.port }] },
      });
      await api.call('POST /apis/discovery.k8s.io/v1/namespaces/hooks/endpointslices', {
        metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.244.0.7'] }],
        ports: [{ name: '', port: other.port }],
      });
      const certificate = authority.names('api');
      mutating.set(`10.244.0.7:${other.port}`, () => token('Bearer of-endpoint'));
      mutating.set('*.hooks.svc', () => ({ certificate, ...token('Bearer of-service') }));
      const service = { namespace: 'hooks', name: 'web', path: '/hook' };
      const { commonName, authorization } = await shown('mutating', { service });
      assert.deepEqual([commonName, authorization], ['api', 'Bearer of-service']);
    } finally {
      hook = before;
      await other.stop();
    }
  });
});
