/** What is found out of a cluster, and by whom a machine is not taken in. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { parseBootstrapToken } from '#api/core/bootstrap-token.ts';
import { SECRET } from '#api/core/secret.ts';
import type { Handler } from '#base/http/message.ts';
import { detachedSignature } from '#base/jwt.ts';
import { jsonResponse } from '#apiserver/respond.ts';
import { JOIN_TOKEN, joinTokenSecret, JoinWorld, testAuthority } from '#kit/join-world.ts';
import { BootstrapError } from './bootstrap-error.ts';
import { addressOf, type ClusterAddress } from './cluster-info.ts';
import { type Dial, discover, type DiscoveryOptions } from './discovery.ts';
import { certificateKeyPins, checkKeyPins, parseKeyPin } from './key-pins.ts';

const TOKEN = parseBootstrapToken(JOIN_TOKEN) ?? { id: '', secret: '' };
const ENDPOINT = { host: '192.0.2.10', port: 6443 };

function refuses(pattern: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof BootstrapError, String(error));
    assert.match(error.message, pattern);
    return true;
  };
}

describe('discovery', () => {
  let world: JoinWorld;
  /** The authority of each connection, in order. */
  let dialled: (string | undefined)[] = [];
  let pins: string[] = [];
  before(async () => {
    world = await JoinWorld.start();
    pins = certificateKeyPins(world.authority.certificate);
  });
  after(() => world.stop());

  const dialWith =
    (handlerFor: (authority: string | undefined) => Handler): Dial =>
    (_, authority) => {
      dialled.push(authority);
      return { handler: handlerFor(authority), close() {} };
    };
  const find = (over: Partial<DiscoveryOptions> = {}): Promise<ClusterAddress> => {
    dialled = [];
    return world.run(
      discover({
        environment: world.environment,
        dial: dialWith(() => world.socket),
        endpoint: ENDPOINT,
        token: TOKEN,
        pins,
        ...over,
      }),
    );
  };
  /** A server that says this of its cluster. */
  const says =
    (data: Readonly<Record<string, string>>): Handler =>
    async () =>
      jsonResponse(200, { apiVersion: 'v1', kind: 'ConfigMap', data });
  const signed = (kubeconfig: string, secret = TOKEN.secret) => ({
    kubeconfig,
    [`jws-kubeconfig-${TOKEN.id}`]: detachedSignature(kubeconfig, { keyId: TOKEN.id, secret }),
  });
  const kubeconfigOf = (authority: string): string =>
    JSON.stringify({
      clusters: [
        {
          name: '',
          cluster: {
            server: 'https://192.0.2.66:6443',
            'certificate-authority-data': Buffer.from(authority).toString('base64'),
          },
        },
      ],
    });

  it('finds the cluster, first without trust and then with its authority', async () => {
    const address = await find();
    assert.deepEqual(address, { ...ENDPOINT, authority: world.authority.certificate });
    assert.deepEqual(dialled, [undefined, world.authority.certificate]);
  });

  it('believes the token alone where the pins are given up', async () => {
    assert.equal((await find({ pins: undefined })).authority, world.authority.certificate);
    assert.deepEqual(dialled, [undefined]);
  });

  it('takes one of several pins', async () => {
    const other = certificateKeyPins(testAuthority().certificate);
    assert.equal((await find({ pins: [...other, ...pins] })).port, ENDPOINT.port);
  });

  it('refuses an authority with another key', async () => {
    const other = certificateKeyPins(testAuthority().certificate);
    await assert.rejects(
      find({ pins: other }),
      refuses(new RegExp(`has the key ${pins[0]}, which is none of those given`)),
    );
  });

  it('refuses who does not know the secret, at once', async () => {
    const startMs = world.environment.clock.now();
    const thief = says(signed(kubeconfigOf(world.authority.certificate), 'x'.repeat(16)));
    await assert.rejects(
      find({ dial: dialWith(() => thief), pins: undefined }),
      refuses(/is not that of the token/),
    );
    assert.equal(world.environment.clock.now(), startMs);
  });

  it('refuses what was changed on its way', async () => {
    const data = signed(kubeconfigOf(world.authority.certificate));
    const changed = says({ ...data, kubeconfig: `${data.kubeconfig} ` });
    await assert.rejects(
      find({ dial: dialWith(() => changed) }),
      refuses(/is not that of the token/),
    );
  });

  it('refuses a cluster that says something else over the verified connection', async () => {
    const other = says(signed(kubeconfigOf(world.authority.certificate)));
    const dial = dialWith((authority) => (authority === undefined ? other : world.socket));
    await assert.rejects(find({ dial }), refuses(/says something else of the cluster/));
  });

  it('waits for a signature that is not there yet', async () => {
    const token = { id: 'bbbbbb', secret: 'b'.repeat(16) };
    const told: string[] = [];
    const found = find({ token, onRetry: (reason) => told.push(reason) });
    const secret = joinTokenSecret({ 'token-id': token.id, 'token-secret': token.secret });
    const metadata = { name: `bootstrap-token-${token.id}`, namespace: 'kube-system' };
    await world.run(world.admin.create(SECRET, { ...secret, metadata }));
    assert.equal((await found).host, ENDPOINT.host);
    assert.match(told[0] ?? '', /has no signature for token id "bbbbbb"/);
  });

  it('gives up when the time is over, with the last reason', async () => {
    const startMs = world.environment.clock.now();
    const nobody = dialWith(() => () => Promise.reject(new Error('ECONNREFUSED')));
    await assert.rejects(
      find({ dial: nobody }),
      refuses(/no cluster could be found at 192.0.2.10:6443 within 300 s: ECONNREFUSED/),
    );
    assert.equal(world.environment.clock.now() - startMs, 300_000);
  });

  it('waits for a cluster that publishes nothing yet', async () => {
    const info = await world.run(world.admin.get(CONFIG_MAP, 'cluster-info', 'kube-public'));
    const name = { name: 'cluster-info', namespace: 'kube-public' };
    await world.run(world.admin.delete(CONFIG_MAP, name));
    const found = find({ pins: undefined });
    const kubeconfig = info.data?.['kubeconfig'] ?? '';
    await world.run(world.admin.create(CONFIG_MAP, { metadata: name, data: { kubeconfig } }));
    assert.equal((await found).authority, world.authority.certificate);
  });
});

describe('the address in a kubeconfig', () => {
  const { certificate } = testAuthority();
  const data = Buffer.from(certificate).toString('base64');
  const cluster = (server: string, name = '') => ({
    name,
    cluster: { server, 'certificate-authority-data': data },
  });

  it('is that of its only cluster, or of its current context', () => {
    const one = addressOf(JSON.stringify({ clusters: [cluster('https://a.example')] }));
    assert.deepEqual(one, { host: 'a.example', port: 443, authority: certificate });
    const two = addressOf(
      JSON.stringify({
        clusters: [cluster('https://a.example', 'a'), cluster('https://[2001:db8::1]:7443', 'b')],
        contexts: [
          { name: 'x', context: { cluster: 'a' } },
          { name: 'y', context: { cluster: 'b' } },
        ],
        'current-context': 'y',
      }),
    );
    assert.deepEqual([two.host, two.port], ['2001:db8::1', 7443]);
  });

  const bad: readonly (readonly [claim: string, text: string, message: RegExp])[] = [
    ['no YAML', '{', /cannot be read/],
    ['no map', '7', /names no cluster/],
    ['no cluster', '{}', /names no cluster/],
    [
      'several and none chosen',
      JSON.stringify({ clusters: [cluster('https://a', 'a'), cluster('https://b', 'b')] }),
      /or several and no current one/,
    ],
    [
      'no https',
      JSON.stringify({ clusters: [cluster('http://a.example')] }),
      /is no https address/,
    ],
    [
      'no authority',
      JSON.stringify({ clusters: [{ name: '', cluster: { server: 'https://a' } }] }),
      /no certificate-authority-data/,
    ],
    [
      'an authority that is no certificate',
      JSON.stringify({
        clusters: [
          { name: '', cluster: { server: 'https://a', 'certificate-authority-data': 'QUE=' } },
        ],
      }),
      /is no certificate/,
    ],
  ];
  for (const [claim, text, message] of bad) {
    it(`is refused where there is ${claim}`, () => {
      assert.throws(() => addressOf(text), refuses(message));
    });
  }
});

describe('pins of keys', () => {
  it('are read in any case, and refused where they are none', () => {
    const digits = 'ab'.repeat(32);
    assert.equal(parseKeyPin(`SHA256:${digits.toUpperCase()}`), `sha256:${digits}`);
    for (const text of ['', digits, `sha256:${digits}0`, `sha1:${digits}`, `x sha256:${digits}`])
      assert.throws(() => parseKeyPin(text), refuses(/invalid public key hash/));
  });

  it('hold for each certificate of an authority', () => {
    const [one, two] = [testAuthority().certificate, testAuthority().certificate];
    const [first = '', second = ''] = certificateKeyPins(one + two);
    checkKeyPins(one + two, [second, first]);
    assert.throws(() => checkKeyPins(one + two, [first]), refuses(/which is none of those given/));
  });

  it('are those of openssl', () => {
    // openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256
    const certificate = [
      '-----BEGIN CERTIFICATE-----',
      'MIIBLjCB4aADAgECAhReBfPmMRt+cHDpOJu4tYoYu+Q50zAFBgMrZXAwDTELMAkG',
      'A1UEAwwCY2EwHhcNMjYxMTIyMTkyMzEwWhcNMzYxMTE5MTkyMzEwWjANMQswCQYD',
      'VQQDDAJjYTAqMAUGAytlcAMhAHlqrz4WxirZrrLsZXws71nC3gfeh3WbCn9ahM45',
      'jO5Wo1MwUTAdBgNVHQ4EFgQUKHNPo8AppdauS0SgsxVCDwnzxHcwHwYDVR0jBBgw',
      'FoAUKHNPo8AppdauS0SgsxVCDwnzxHcwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD',
      'QQAiU1rkMgURcAUn+SCs6ntNf5uQA6BU6+EAA/7oQOUH50UvWwk9+lefrj3GGksm',
      'BzTvHYCKSV95Mci81dE3TVwB',
      '-----END CERTIFICATE-----',
    ].join('\n');
    const pin = 'sha256:20c81f2239fb32b65a40183ba5d1815b55209ed5c9f754bf2ce300db24e0a320';
    assert.deepEqual(certificateKeyPins(certificate), [pin]);
  });
});
