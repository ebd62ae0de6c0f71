/**
 * Admission webhooks over real TLS: the sockets are those of the product (`cli/backend-connector.ts`
 * over `edge/http-client.ts`). Webhooks at loopback are refused, so that each is named by a name or
 * an address elsewhere; only what is dialled is exchanged here, behind all that is checked.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { backendConnector } from '#cli/backend-connector.ts';
import { RealTimeServer } from '#kit/real-time-server.ts';
import { CONFIGURATIONS, webhook } from '#kit/webhook-server.ts';
import { allow, Authority, HttpsHook } from './https-hook.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const HOOKS = `${CONFIGURATIONS}/validatingwebhookconfigurations`;
const NAME = 'hooks.example.com';
const HOUR_MS = 60 * 60_000;

const authority = new Authority();
const stranger = new Authority();
const hooks: HttpsHook[] = [];
/** Addresses that were to be dialled. */
const dialled: string[] = [];
let api: RealTimeServer;
let made = 0;

async function hookThat(...given: Parameters<typeof HttpsHook.start>): Promise<HttpsHook> {
  const hook = await HttpsHook.start(...given);
  hooks.push(hook);
  return hook;
}

/** Asks one webhook about a new ConfigMap: the status, and what was said. */
async function ask(
  clientConfig: object,
  over: object = {},
): Promise<{ readonly status: number; readonly message: string }> {
  const nth = ++made;
  const metadata = { name: `a${nth}` };
  const asks = { namespaceSelector: {}, clientConfig, timeoutSeconds: 5, ...over };
  const body = { metadata, webhooks: [webhook('a', '/hook', asks)] };
  assert.equal((await api.call(`POST ${HOOKS}`, body)).status, 201);
  const reply = await api.call(`POST ${MAPS}`, { metadata: { name: `m${nth}` } });
  await api.call(`DELETE ${HOOKS}/${metadata.name}`);
  return { status: reply.status, message: reply.body.message ?? '' };
}

const at = ({ port }: { readonly port: number }, caBundle: string | undefined, name = NAME) => ({
  url: `https://${name}:${port}/hook`,
  ...(caBundle === undefined ? {} : { caBundle }),
});

before(async () => {
  const real = backendConnector();
  api = await RealTimeServer.start({
    backends: {
      to: (backend) => {
        dialled.push(backend.host);
        return real.to({ ...backend, host: '127.0.0.1' });
      },
    },
  });
  await api.call('POST /api/v1/namespaces', { metadata: { name: 'hooks' } });
});

after(async () => {
  await api.stop();
  await Promise.all(hooks.map((hook) => hook.stop()));
});

describe('a webhook over TLS', () => {
  let good: HttpsHook;
  before(async () => {
    good = await hookThat(authority.shows(NAME));
  });

  it('is believed by the authority of its bundle, and shown no credentials', async () => {
    assert.equal((await ask(at(good, authority.bundle))).status, 201);
    assert.deepEqual(good.asked, [
      {
        host: `${NAME}:${good.port}`,
        serverName: NAME,
        commonName: '',
        authorization: '',
        userAgent: 'kube-apiserver-admission',
      },
    ]);
  });

  it('is not believed by another authority, though a connection to it stands', async () => {
    const asked = good.asked.length;
    for (const bundle of [stranger.bundle, undefined]) {
      const { status, message } = await ask(at(good, bundle));
      assert.equal(status, 500);
      assert.match(message, /^Internal error occurred: failed calling webhook "a\.example\.com": /);
      assert.match(message, /certificate/);
    }
    assert.equal(good.asked.length, asked);
  });

  it('is believed by a bundle of several', async () => {
    const both = Buffer.from(stranger.certificate + authority.certificate).toString('base64');
    assert.equal((await ask(at(good, both))).status, 201);
  });

  it('is let pass unasked where its failures are to be ignored', async () => {
    const asked = good.asked.length;
    const { status } = await ask(at(good, stranger.bundle), { failurePolicy: 'Ignore' });
    assert.deepEqual([status, good.asked.length], [201, asked]);
  });

  const rows = [
    ['has expired', authority.shows(NAME, -HOUR_MS), /expired/],
    ['is for another name', authority.shows('other.example.com'), /does not match|altnames/],
  ] as const;
  for (const [what, shown, words] of rows)
    it(`is not believed where its certificate ${what}`, async () => {
      const hook = await hookThat(shown);
      const { status, message } = await ask(at(hook, authority.bundle));
      assert.equal(status, 500);
      assert.match(message, words);
      assert.deepEqual(hook.asked, []);
    });

  it('is not believed by its common name alone, and that is counted', async () => {
    const hook = await hookThat(authority.shows(NAME, HOUR_MS, []));
    const { message } = await ask(at(hook, authority.bundle));
    assert.match(
      message,
      /: x509: certificate relies on legacy Common Name field, use SANs instead$/,
    );
    assert.deepEqual(hook.asked, []);
    const { body } = await api.call('GET /metrics');
    assert.match(String(body), /^apiserver_webhooks_x509_missing_san_total 1$/m);
  });

  it('behind a Service shows the name of the Service', async () => {
    const name = 'web.hooks.svc';
    const hook = await hookThat(authority.shows(name));
    await api.call('POST /api/v1/namespaces/hooks/services', {
      metadata: { name: 'web' },
      spec: { ports: [{ port: 443, targetPort: hook.port }] },
    });
    await api.call('POST /apis/discovery.k8s.io/v1/namespaces/hooks/endpointslices', {
      metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.0.7'] }],
      ports: [{ name: '', port: hook.port }],
    });
    const service = { namespace: 'hooks', name: 'web', path: '/hook' };
    assert.equal((await ask({ service, caBundle: authority.bundle })).status, 201);
    assert.equal(dialled.at(-1), '10.244.0.7');
    assert.equal(hook.asked[0]?.serverName, name);
    const { message } = await ask({ service, caBundle: stranger.bundle });
    assert.match(message, /certificate/);
  });
});

describe('what a webhook over TLS may do', () => {
  it('a redirect leads nowhere', async () => {
    const target = await hookThat(authority.shows(NAME));
    const hook = await hookThat(authority.shows(NAME), (response) => {
      response.writeHead(307, { location: `https://${NAME}:${target.port}/hook` }).end();
    });
    const { status, message } = await ask(at(hook, authority.bundle));
    assert.equal(status, 500);
    assert.match(message, /the server responded with the status code 307/);
    assert.deepEqual([hook.asked.length, target.asked.length], [1, 0]);
  });

  it('a body that does not end is broken off in time', async () => {
    const hook = await hookThat(authority.shows(NAME), (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"apiVersion":');
      // It is on its way; the time of the webhook passes at once.
      void setImmediate().then(() => api.time.advance(5_000));
    });
    const { status, message } = await ask(at(hook, authority.bundle));
    assert.equal(status, 500);
    assert.match(message, /context deadline exceeded/);
    while (hook.brokenOff === 0) await setImmediate();
    assert.equal((await ask(at(hook, authority.bundle), { failurePolicy: 'Ignore' })).status, 201);
  });

  it('a server that speaks no TLS, or nothing, is a failure', async () => {
    for (const say of ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}', '']) {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.end(say);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      const { status } = await ask(at({ port }, authority.bundle));
      server.close();
      assert.equal(status, 500);
    }
  });

  it('at loopback it is never asked, whatever it shows', async () => {
    const hook = await hookThat(authority.shows(NAME), allow);
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433']) {
      const before = dialled.length;
      const { status, message } = await ask(at(hook, authority.bundle, host));
      assert.equal(status, 500, host);
      assert.match(message, /address not allowed/);
      assert.equal(dialled.length, before);
    }
    assert.deepEqual(hook.asked, []);
  });
});
