import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import type { HttpRequest, Peer } from '#base/http/message.ts';
import { httpClient } from './http-client.ts';
import { httpBench, text } from './http-test-kit.ts';
import { type PemPair, testPki } from './test-kit.ts';

const bench = httpBench();
/** Of the same name as the clients' authority, so that only its key tells it apart. */
const proxies = testPki();
afterEach(() => bench.end());

async function peerWith(
  identity: PemPair | undefined,
  headers: Record<string, string> = {},
): Promise<{ peer: Peer; headers: HttpRequest['headers'] }> {
  const seen: HttpRequest[] = [];
  const { port } = await bench.serve(
    async (request) => {
      seen.push(request);
      return text('ok');
    },
    { tls: { ...bench.pki.server, clientCa: bench.pki.ca, frontProxyCa: proxies.ca } },
  );
  const client = httpClient({ port, tls: { ca: bench.pki.ca, ...identity } });
  await client.handler({ method: 'GET', url: '/', headers });
  client.close();
  const { address: _, ...peer } = seen[0]?.peer ?? {};
  return { peer, headers: seen[0]?.headers ?? {} };
}

describe('a client certificate', () => {
  const subject = { commonName: 'jane', organizations: ['dev'] };

  it("of the clients' authority names a user", async () => {
    const identity = bench.pki.client(subject);
    const { peer } = await peerWith(identity);
    const { raw } = new X509Certificate(identity.cert);
    const fingerprint = createHash('sha256').update(raw).digest('hex');
    assert.deepEqual(peer, { certificate: { ...subject, fingerprint } });
  });

  it("of the front proxy's authority names a proxy, and no user", async () => {
    const { peer } = await peerWith(proxies.client(subject));
    assert.deepEqual(peer, { frontProxy: { commonName: 'jane' } });
  });

  it('of nobody is none', async () => {
    assert.deepEqual((await peerWith(testPki().client(subject))).peer, {});
    assert.deepEqual((await peerWith(undefined)).peer, {});
  });
});

describe('headers that name a user', () => {
  it('arrive with each of their values as it was sent', async () => {
    const sent = { 'x-remote-user': 'jane', 'x-remote-group': 'a, b\nc', 'x-other': 'd\ne' };
    const { headers } = await peerWith(undefined, sent);
    assert.equal(headers['x-remote-group'], 'a, b\nc');
    assert.equal(headers['x-other'], 'd, e');
  });

  it('by impersonation too', async () => {
    const { headers } = await peerWith(undefined, { 'impersonate-group': 'a, b\nc' });
    assert.equal(headers['impersonate-group'], 'a, b\nc');
  });
});
