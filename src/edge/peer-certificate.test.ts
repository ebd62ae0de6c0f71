/** What is noticed of the certificates of real servers, and which of their names are believed. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { after, afterEach, describe, it } from 'node:test';
import { faultsOf } from '#base/http/certificate-faults.ts';
import type { CertificateFault } from '#base/http/message.ts';
import { createCertificate, toPem } from '#base/x509.ts';
import { type HttpClient, httpClient } from './http-client.ts';

const HOUR_MS = 3_600_000;
const NAME = 'hooks.example.com';
const LEGACY = 'x509: certificate relies on legacy Common Name field, use SANs instead';

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const authority = rsa();
const stranger = rsa();
const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const issuer = { commonName: 'test-ca' };

interface Wanted {
  readonly commonName?: string;
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly isOver?: boolean;
  readonly sha1?: boolean;
  readonly signer?: typeof authority;
}

function certificate(wanted: Wanted): string {
  const { commonName = NAME, names = [], addresses = [] } = wanted;
  const { isOver = false, signer = authority } = wanted;
  const pem = createCertificate({
    subject: { commonName },
    publicKey: leaf.publicKey,
    issuer: { name: issuer, ...signer },
    serial: randomBytes(16),
    notBeforeMs: Date.now() - 2 * HOUR_MS,
    notAfterMs: Date.now() + (isOver ? -HOUR_MS : HOUR_MS),
    uses: ['server'],
    dnsNames: names,
    addresses,
  });
  return wanted.sha1 === true ? overSha1(pem, signer.privateKey) : pem;
}

const SHA256_WITH_RSA = Buffer.from('2a864886f70d01010b', 'hex');
const SIGNATURE_BYTES = 256;
const HEAD_BYTES = 4;

/** The same certificate, with a signature of another kind that is as long. */
function overSha1(pem: string, privateKey: KeyObject): string {
  const der = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ''), 'base64');
  for (let at = der.indexOf(SHA256_WITH_RSA); at >= 0; at = der.indexOf(SHA256_WITH_RSA, at))
    der[at + SHA256_WITH_RSA.length - 1] = 5;
  const length = der.readUInt16BE(HEAD_BYTES + 2);
  const body = der.subarray(HEAD_BYTES, 2 * HEAD_BYTES + length);
  sign('sha1', body, privateKey).copy(der, der.length - SIGNATURE_BYTES);
  return toPem('CERTIFICATE', der);
}

const ca = createCertificate({
  subject: issuer,
  publicKey: authority.publicKey,
  issuer: { name: issuer, ...authority },
  serial: randomBytes(16),
  notBeforeMs: Date.now() - HOUR_MS,
  notAfterMs: Date.now() + HOUR_MS,
  uses: ['authority'],
});

const servers: Server[] = [];
const clients: HttpClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
after(() => {
  for (const server of servers) server.close();
});

async function serve(cert: string): Promise<number> {
  // Today's defaults would not even show what some of the certificates are.
  const server = createServer({ cert, key, ciphers: 'DEFAULT@SECLEVEL=0' }, (_, response) => {
    response.end('ok');
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

interface Outcome {
  readonly said: string;
  readonly faults: readonly CertificateFault[];
}

interface Asks {
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
  readonly noticesFaults?: boolean;
  readonly times?: number;
}

/** What comes of requests to a server with this certificate, one after another. */
async function ask(wanted: Wanted, asks: Asks = {}): Promise<Outcome> {
  const { serverName = NAME, insecureSkipVerify = false, noticesFaults = true, times = 1 } = asks;
  const port = await serve(certificate(wanted));
  const client = httpClient({ port, noticesFaults, tls: { ca, serverName, insecureSkipVerify } });
  clients.push(client);
  const faults: CertificateFault[] = [];
  for (let i = 0; i < times; i++)
    try {
      const { certificateFaults = [], body } = await client.handler({
        method: 'GET',
        url: '/',
        headers: {},
      });
      faults.push(...certificateFaults);
      if (body?.kind === 'stream') await ended(body);
    } catch (error) {
      return { said: error instanceof Error ? error.message : '', faults: faultsOf(error) };
    }
  return { said: 'ok', faults };
}

function ended(body: { start(sink: object): void }): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = { write: () => true, end: resolve, abort: reject };
    body.start({ ...sink, onDrain: () => {}, onClose: () => {} });
  });
}

describe('a server with an up to date certificate', () => {
  it('is believed, and nothing is noticed', async () => {
    assert.deepEqual(await ask({ names: [NAME] }), { said: 'ok', faults: [] });
  });
});

describe('a server that is named by its common name alone', () => {
  it('is not believed, and that is noticed', async () => {
    assert.deepEqual(await ask({}), { said: LEGACY, faults: ['missing-san'] });
  });

  it('is not believed where nobody notices', async () => {
    const { said, faults } = await ask({}, { noticesFaults: false });
    assert.deepEqual([said, faults], [LEGACY, []]);
  });

  it('may be named with a star', async () => {
    const { faults } = await ask({ commonName: '*.Example.com' });
    assert.deepEqual(faults, ['missing-san']);
  });

  it('is noticed though its authority is unknown too', async () => {
    const { said, faults } = await ask({ signer: stranger });
    assert.notEqual(said, LEGACY);
    assert.deepEqual(faults, ['missing-san']);
  });

  it('is noticed at each answer where nobody looks at names', async () => {
    const outcome = await ask({}, { insecureSkipVerify: true, times: 2 });
    assert.deepEqual(outcome, { said: 'ok', faults: ['missing-san', 'missing-san'] });
  });

  const others: [what: string, wanted: Wanted][] = [
    ['has expired', { isOver: true }],
    ['is for another name', { commonName: 'other.example.com' }],
    ['is for a part of the name', { commonName: 'hooks' }],
    ['has other names beside it', { names: ['other.example.com'] }],
    ['has an address beside it', { addresses: ['10.0.0.7'] }],
  ];
  for (const [what, wanted] of others)
    it(`is refused for something else where the certificate ${what}`, async () => {
      const { said, faults } = await ask(wanted);
      assert.notEqual(said, LEGACY);
      assert.notEqual(said, 'ok');
      assert.deepEqual(faults, []);
    });
});

describe('a server whose certificate is signed over SHA-1', () => {
  const wanted = { names: [NAME], sha1: true };

  it('is not believed, and that is noticed', async () => {
    const { said, faults } = await ask(wanted);
    assert.match(said, /digest algorithm too weak/);
    assert.deepEqual(faults, ['insecure-sha1']);
  });

  it('is noticed at each answer where nobody looks at signatures', async () => {
    const outcome = await ask(wanted, { insecureSkipVerify: true, times: 2 });
    assert.deepEqual(outcome, { said: 'ok', faults: ['insecure-sha1', 'insecure-sha1'] });
  });

  it('by itself is not noticed: nobody believes it for its signature', async () => {
    const { commonName } = issuer;
    const outcome = await ask({ ...wanted, commonName }, { insecureSkipVerify: true });
    assert.deepEqual(outcome, { said: 'ok', faults: [] });
  });

  const others: [what: string, wanted: Wanted][] = [
    ['has expired', { ...wanted, isOver: true }],
    ['is for another name', { ...wanted, names: ['other.example.com'] }],
    ['is of a stranger', { ...wanted, signer: stranger }],
  ];
  for (const [what, other] of others)
    it(`is refused for something else where it ${what}`, async () => {
      const { said, faults } = await ask(other);
      assert.notEqual(said, 'ok');
      assert.deepEqual(faults, []);
    });
});
