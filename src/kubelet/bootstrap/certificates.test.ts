/** How a node comes by its certificates, and keeps them in force. */
import assert from 'node:assert/strict';
import { createPublicKey, createPrivateKey, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { requestContent } from '#base/csr.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isStatus } from '#api/meta/status.ts';
import { nodeIdentity } from '#client/in-process.ts';
import type { Client, List } from '#client/client.ts';
import { createTestKey, issuePair } from '#kit/certificates.ts';
import { clientWith } from '#kit/client.ts';
import { JOIN_TOKEN, JoinWorld, testAuthority } from '#kit/join-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { BootstrapError } from './bootstrap-error.ts';
import { CertificateManager } from './certificate-manager.ts';
import { clientOrder, servingOrder } from './certificate-order.ts';
import { type CertificatePair, isPair, joinPair, splitPair, validityOf } from './key-pair.ts';
import { requestCertificate, type RequestOptions } from './request-certificate.ts';
import { covers, rotationDeadlineMs } from './rotation.ts';

const DAY_MS = 24 * 60 * 60_000;

let world: JoinWorld;
beforeEach(async () => {
  world = await JoinWorld.start();
});
afterEach(() => world.stop());

const requests = async (): Promise<CertificateSigningRequest[]> =>
  (await world.run(world.admin.list(CERTIFICATE_SIGNING_REQUEST))).items;

/** Writes a condition on the only request. */
async function decide(type: string, reason = 'ByHand', message = 'so be it'): Promise<void> {
  const [request] = await requests();
  assert.ok(request !== undefined);
  const conditions = [{ type, status: 'True', reason, message }];
  const decided = { ...request, status: { ...request.status, conditions } };
  await world.run(world.admin.update(CERTIFICATE_SIGNING_REQUEST, decided, 'approval'));
}

describe('a request for a certificate', () => {
  const ask = (over: Partial<RequestOptions> = {}): Promise<CertificatePair> =>
    requestCertificate({
      environment: world.environment,
      client: world.withToken(JOIN_TOKEN),
      order: clientOrder('joined'),
      keys: createTestKey(),
      ...over,
    });
  const refuses = (promise: Promise<unknown>, pattern: RegExp): Promise<void> =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof BootstrapError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  const serving = (): Partial<RequestOptions> => ({
    client: world.as(nodeIdentity('joined')),
    order: servingOrder('joined', { dnsNames: ['joined'], addresses: ['192.0.2.20'] }),
  });

  it('gives a node its certificate as a client, for the key it was asked with', async () => {
    const keys = createTestKey();
    const pair = await world.run(ask({ keys }));
    assert.ok(isPair(pair));
    assert.ok(createPublicKey(createPrivateKey(pair.key)).equals(keys.publicKey));
    const { subject } = new X509Certificate(pair.certificate);
    assert.equal(subject, 'O=system:nodes\nCN=system:node:joined');
    const [request] = await requests();
    assert.match(request?.metadata?.name ?? '', /^node-csr-[\w-]{43}$/);
    assert.equal(request?.spec?.username, 'system:bootstrap:abcdef');
    assert.equal(request.spec.signerName, 'kubernetes.io/kube-apiserver-client-kubelet');
    assert.deepEqual(request.spec.usages, ['digital signature', 'client auth']);
  });

  it('waits for who approves a certificate of the kubelet’s server', async () => {
    const asked = ask(serving());
    await world.environment.advance(60_000);
    await decide('Approved');
    const { certificate } = await world.run(asked);
    const read = new X509Certificate(certificate);
    assert.ok(covers(certificate, { dnsNames: ['joined'], addresses: ['192.0.2.20'] }));
    assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    const [request] = await requests();
    assert.equal(request?.spec?.signerName, 'kubernetes.io/kubelet-serving');
  });

  it('is answered at once by a request of before with the same key', async () => {
    const keys = createTestKey();
    const [first, second] = [await world.run(ask({ keys })), await world.run(ask({ keys }))];
    assert.equal(first.certificate, second.certificate);
    assert.equal((await requests()).length, 1);
  });

  it('fails with the reason when it is denied, also before it is looked at', async () => {
    const keys = createTestKey();
    const message = /request node-csr-.* was denied: Unknown: who are you/;
    const refused = refuses(ask({ ...serving(), keys }), message);
    await world.environment.advance(1_000);
    await decide('Denied', 'Unknown', 'who are you');
    await world.run(refused);
    await world.run(refuses(ask({ ...serving(), keys }), message));
  });

  it('fails with the reason when the signer cannot', async () => {
    const order = { ...clientOrder('joined'), usages: ['server auth'] as const };
    const refused = refuses(
      ask({ order, client: world.as(nodeIdentity('joined')) }),
      /request node-csr-.* failed: SignerValidationFailure: usages did not/,
    );
    await world.environment.advance(1_000);
    await decide('Approved');
    await world.run(refused);
  });

  it('says what to do when nobody answers in time', async () => {
    const startMs = world.environment.clock.now();
    const refused = refuses(
      ask(serving()),
      /request (node-csr-\S+) was not answered within 900 s: approve it \(kubectl certificate approve \1\)/,
    );
    await world.environment.advance(890_000);
    await world.run(refused);
    assert.equal(world.environment.clock.now() - startMs, 900_000);
  });

  it('says what was wrong when the API server could not be reached in time', async () => {
    const client = clientWith(world.withToken(JOIN_TOKEN), {
      create: () => Promise.reject(new Error('ECONNREFUSED')),
    });
    const message = /could not be made within 60 s: ECONNREFUSED/;
    await world.run(refuses(ask({ client, timeoutMs: 60_000 }), message));
  });

  it('is made in spite of connections that break', async () => {
    const client = world.withToken(JOIN_TOKEN);
    let breaks = 3;
    const shaky = clientWith(client, {
      create: (...call) =>
        breaks-- > 0 ? Promise.reject(new Error('ECONNRESET')) : client.create(...call),
      watch: (...call) =>
        breaks-- > -2 ? Promise.reject(new Error('ECONNRESET')) : client.watch(...call),
    } as Partial<Client>);
    assert.ok(isPair(await world.run(ask({ client: shaky }))));
  });

  it('is refused at once to who may not ask', async () => {
    const startMs = world.environment.clock.now();
    const forbidden = world.run(ask({ client: world.withToken() }));
    await assert.rejects(forbidden, (error) => isStatus(error, 'Forbidden'));
    const wrong = world.run(ask({ client: world.withToken('abcdef.aaaaaaaaaaaaaaaa') }));
    await assert.rejects(wrong, (error) => isStatus(error, 'Unauthorized'));
    assert.equal(world.environment.clock.now(), startMs);
  });

  it('is made anew when somebody takes it away', async () => {
    const asked = ask(serving());
    await world.environment.advance(1_000);
    const [first] = await requests();
    const name = first?.metadata?.name ?? '';
    await world.run(world.admin.delete(CERTIFICATE_SIGNING_REQUEST, { name }));
    await world.environment.advance(10_000);
    assert.equal((await requests())[0]?.metadata?.name, name);
    await decide('Approved');
    assert.ok(isPair(await world.run(asked)));
  });

  it('ends when it is given up', async () => {
    const stop = new AbortController();
    const asked = ask({ ...serving(), signal: stop.signal });
    await world.environment.advance(1_000);
    stop.abort();
    await world.run(refuses(asked, /was given up/));
  });
});

describe('a certificate and its key in one text', () => {
  it('come apart as they went in, and only if they belong together', () => {
    const life = { notBeforeMs: 0, notAfterMs: DAY_MS };
    const [one, two] = [issuePair(world.authority, life), issuePair(world.authority, life)];
    assert.deepEqual(splitPair(joinPair(one)), one);
    const chain = { certificate: one.certificate + two.certificate, key: one.key };
    assert.deepEqual(splitPair(joinPair(chain)), chain);
    assert.equal(splitPair(joinPair({ ...one, key: two.key })), undefined);
    assert.equal(splitPair(one.certificate), undefined);
    assert.equal(splitPair(one.key), undefined);
    assert.deepEqual(validityOf(one.certificate), life);
  });
});

describe('the time of a rotation', () => {
  it('is between 70 % and 90 % of the life of a certificate', () => {
    const life = { notBeforeMs: 1_000, notAfterMs: 2_000 };
    assert.equal(rotationDeadlineMs(life, 0), 1_700);
    assert.equal(Math.round(rotationDeadlineMs(life, 0.5)), 1_800);
    assert.equal(Math.round(rotationDeadlineMs(life, 1)), 1_900);
  });
});

describe('the manager of a certificate', () => {
  class Store {
    stored: CertificatePair[] = [];
    current(): Promise<CertificatePair | undefined> {
      return Promise.resolve(this.stored.at(-1));
    }
    update(pair: CertificatePair): Promise<void> {
      this.stored.push(pair);
      return Promise.resolve();
    }
  }
  const names = { dnsNames: ['joined'], addresses: ['192.0.2.20'] };

  function manage(
    options: {
      readonly first?: CertificatePair;
      readonly client?: Client;
      readonly serves?: true;
      readonly environment?: VirtualEnvironment;
      readonly signer?: string;
    },
    stop = new AbortController(),
  ) {
    const store = new Store();
    if (options.first !== undefined) store.stored.push(options.first);
    const told: CertificatePair[] = [];
    const manager = new CertificateManager({
      environment: options.environment ?? world.environment,
      store,
      client: options.client ?? world.as(nodeIdentity('joined')),
      order: options.serves === true ? servingOrder('joined', names) : clientOrder('joined'),
      createKey: createTestKey,
      ...(options.signer === undefined ? {} : { signer: options.signer }),
      onCertificate: (pair) => told.push(pair),
    });
    return { store, told, ended: manager.run(stop.signal), stop };
  }
  const inForce = (days: number, over = {}): CertificatePair => {
    const nowMs = world.environment.clock.now();
    const life = { notBeforeMs: nowMs, notAfterMs: nowMs + days * DAY_MS };
    return issuePair(world.authority, life, over);
  };

  /** Signs whatever it is asked for, at once, for ten days. */
  function signer(environment: VirtualEnvironment): Client {
    const made: CertificateSigningRequest[] = [];
    return clientWith(world.admin, {
      create: (_, object) => {
        const request: CertificateSigningRequest = object;
        const text = Buffer.from(request.spec?.request ?? '', 'base64').toString();
        const nowMs = environment.clock.now();
        const life = { notBeforeMs: nowMs, notAfterMs: nowMs + 10 * DAY_MS };
        const { certificate } = issuePair(world.authority, life, {
          publicKey: requestContent(text).publicKey,
        });
        const conditions = [{ type: 'Approved', status: 'True' }];
        const status = { conditions, certificate: Buffer.from(certificate).toString('base64') };
        made.push({ ...request, status });
        return Promise.resolve(object);
      },
      list: () => {
        const items = made.slice(-1) as KubeObject[];
        return Promise.resolve({ items, resourceVersion: '1' } as List<never>);
      },
    } as Partial<Client>);
  }

  it('rotates in the last third and before the last tenth, each time with a new key', async () => {
    const environment = new VirtualEnvironment();
    const nowMs = environment.clock.now();
    const life = { notBeforeMs: nowMs, notAfterMs: nowMs + 10 * DAY_MS };
    const first = issuePair(world.authority, life);
    const { store, told, stop, ended } = manage({
      first,
      client: signer(environment),
      environment,
    });
    await environment.advance(7 * DAY_MS - 60_000);
    assert.equal(told.length, 0);
    await environment.advance(2 * DAY_MS + 120_000);
    assert.equal(told.length, 1);
    assert.deepEqual(store.stored, [first, told[0]]);
    await environment.advance(9 * DAY_MS);
    assert.equal(told.length, 2);
    assert.equal(new Set([first, ...told].map(({ key }) => key)).size, 3);
    stop.abort();
    await environment.resolve(ended);
  });

  it('asks at once where there is none', async () => {
    const { told, stop, ended } = manage({});
    await world.environment.advance(5_000);
    assert.equal(told.length, 1);
    stop.abort();
    await world.run(ended);
  });

  it('asks at once when the node has other names', async () => {
    const { stop, ended } = manage({ first: inForce(10, { dnsNames: ['joined'] }), serves: true });
    await world.environment.advance(5_000);
    assert.equal((await requests()).length, 1);
    stop.abort();
    await world.run(ended);
  });

  it('asks at once where another authority signs now, once', async () => {
    const { told, stop, ended } = manage({
      first: inForce(10),
      signer: testAuthority().certificate + world.authority.certificate,
    });
    await world.environment.advance(60_000);
    assert.equal(told.length, 1);
    stop.abort();
    await world.run(ended);
  });

  it('leaves a certificate of the authority that signs alone', async () => {
    const { told, stop, ended } = manage({
      first: inForce(10),
      signer: world.authority.certificate + testAuthority().certificate,
    });
    await world.environment.advance(60_000);
    assert.equal(told.length, 0);
    stop.abort();
    await world.run(ended);
  });

  it('leaves a certificate for its names alone', async () => {
    const { stop, ended } = manage({ first: inForce(10, names), serves: true });
    await world.environment.advance(5_000);
    assert.equal((await requests()).length, 0);
    stop.abort();
    await world.run(ended);
  });

  it('asks again, with another key, after one was denied', async () => {
    const { told, stop, ended } = manage({ serves: true });
    await world.environment.advance(1_000);
    await decide('Denied');
    await world.environment.advance(10_000);
    const open = (await requests()).filter(({ status }) => status?.conditions === undefined);
    assert.equal(open.length, 1);
    assert.equal((await requests()).length, 2);
    assert.equal(told.length, 0);
    stop.abort();
    await world.run(ended);
  });

  it('does not ask more often than every 32 seconds for long', async () => {
    let asked = 0;
    const client = clientWith(world.as(nodeIdentity('joined')), {
      create: () => {
        asked++;
        return Promise.reject(Object.assign(new BootstrapError('no'), { name: 'BootstrapError' }));
      },
    });
    const { stop, ended } = manage({ client });
    await world.environment.advance(10 * 60_000);
    // After 0, 2, 6, 14, 30, 62 seconds and then each 32.
    assert.equal(asked, 6 + Math.floor((600 - 62) / 32));
    stop.abort();
    await world.run(ended);
  });
});
