/** Tokens and nobodies at the door of an API server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';
import { ReviewServer } from '#kit/review-server.ts';
import { issuerKey, signedToken } from '#kit/token-issuer.ts';
import { jwtKeyId, parseJwt } from '#base/jwt.ts';
import type { AuthenticationOptions } from './options.ts';
import { readStaticTokens } from './static-tokens.ts';

const REVIEWS = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews';
const TOKEN_REVIEWS = 'POST /apis/authentication.k8s.io/v1/tokenreviews';
const OWN = 'https://kubernetes.default.svc';
const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';
const AUTHENTICATED = 'system:authenticated';

const started = (authentication: AuthenticationOptions, over: object = {}) =>
  TestApiServer.start({ authentication, ...over });

async function review(api: TestApiServer, token: string, audiences: string[] = []) {
  return (await api.must(TOKEN_REVIEWS, { spec: { token, audiences } })).status;
}

/** Asks without any credential. */
async function anonymous(api: TestApiServer, url: string): Promise<number> {
  const { status } = await api.environment.resolve(
    api.server.handler({ method: 'GET', url, headers: {} }),
  );
  return status;
}

describe('requests of nobody', () => {
  it('are let in, and may little', async () => {
    const api = await started({});
    assert.deepEqual(
      [await anonymous(api, '/version'), await anonymous(api, '/api/v1/pods')],
      [200, 403],
    );
  });

  it('are not, where that is off', async () => {
    const api = await started({ anonymous: { enabled: false, conditions: [] } });
    assert.equal(await anonymous(api, '/version'), 401);
    assert.deepEqual(await review(api, ' '), { user: {} });
  });

  it('are let in to some paths alone', async () => {
    const api = await started({ anonymous: { enabled: true, conditions: [{ path: '/livez' }] } });
    assert.deepEqual(
      [await anonymous(api, '/livez?verbose'), await anonymous(api, '/version')],
      [200, 401],
    );
  });
});

describe('tokens of a file', () => {
  it('let their users in, for the audiences of this server', async () => {
    const api = await started({ staticTokens: readStaticTokens('abc,jane,7,"a,b"', '/t') });
    const { body } = await api.call(REVIEWS, {}, { token: 'abc' });
    const user = { username: 'jane', uid: '7', groups: ['a', 'b', AUTHENTICATED] };
    assert.deepEqual(body.status.userInfo, user);
    assert.deepEqual(await review(api, 'abc', ['x', OWN]), {
      authenticated: true,
      user,
      audiences: [OWN],
    });
    assert.equal((await review(api, 'abc', ['x'])).error, 'invalid bearer token');
    assert.equal((await api.call(REVIEWS, {}, { token: 'abd' })).status, 401);
  });
});

describe('tokens that a webhook knows', () => {
  const withWebhook = (server: ReviewServer, over: object = {}): Promise<TestApiServer> =>
    started(
      { webhook: { endpoint: server.endpoint, version: 'v1', cacheMs: 120_000, ...over } },
      { backends: server.connector },
    );

  it('let their users in, and are asked once in a while', async () => {
    const server = new ReviewServer();
    const user = { username: 'jane', uid: '7', groups: ['a'], extra: { 'acme.io/x': ['1'] } };
    server.answer = { authenticated: true, user };
    const api = await withWebhook(server);
    const status = {
      authenticated: true,
      user: { ...user, groups: ['a', AUTHENTICATED] },
      audiences: [OWN],
    };
    assert.deepEqual(await review(api, 'far'), status);
    assert.deepEqual(server.asked[0], {
      kind: 'TokenReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      spec: { token: 'far', audiences: [OWN] },
      status: { user: {} },
    });
    await api.environment.advance(119_000);
    assert.deepEqual(await review(api, 'far'), status);
    assert.equal(server.asked.length, 1);
    await api.environment.advance(1_000);
    await review(api, 'far');
    assert.equal(server.asked.length, 2);
  });

  it('are for the audiences that it names', async () => {
    const server = new ReviewServer();
    server.answer = { authenticated: true, user: { username: 'jane' }, audiences: ['x', 'y'] };
    const api = await withWebhook(server, { version: 'v1beta1' });
    assert.equal((await review(api, 'far')).error, 'invalid bearer token');
    assert.deepEqual((await review(api, 'far', ['y', 'z'])).audiences, ['y']);
    assert.equal(server.asked[0]?.apiVersion, 'authentication.k8s.io/v1beta1');
  });

  it('are refused with its words, or when it cannot be asked', async () => {
    const server = new ReviewServer();
    server.answer = { authenticated: false, error: 'gone' };
    const api = await withWebhook(server);
    assert.equal((await review(api, 'a')).error, '[invalid bearer token, gone]');
    server.answer = { authenticated: false };
    assert.equal((await review(api, 'b')).error, 'invalid bearer token');
    server.answer = 403;
    assert.equal((await review(api, 'c')).error, '[invalid bearer token, unknown]');
    // An error is no answer: it is asked again.
    server.answer = { authenticated: true, user: { username: 'jane' } };
    assert.equal((await review(api, 'c')).authenticated, true);
  });
});

interface Granted {
  readonly token: string;
  readonly endSeconds: number;
  readonly claims: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any
  readonly warning: string;
}

async function granted(api: TestApiServer, spec: object): Promise<Granted> {
  const reply = await api.call(`POST ${ACCOUNTS}/a/token`, { spec });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  const { token, expirationTimestamp } = reply.body.status;
  return {
    token,
    endSeconds: (Date.parse(expirationTimestamp) - api.environment.clock.now()) / 1000,
    claims: { ...parseJwt(token)?.claims },
    warning: reply.headers['warning'] ?? '',
  };
}

async function withAccount(authentication: AuthenticationOptions, over: object = {}) {
  const api = await started(authentication, over);
  await api.must(`POST ${ACCOUNTS}`, { metadata: { name: 'a' } });
  return api;
}

describe('tokens of service accounts', () => {
  const POD = {
    metadata: { name: 'p' },
    spec: { serviceAccountName: 'a', containers: [{ name: 'c', image: 'i' }] },
  };
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'p' };

  it('live no longer than they may', async () => {
    const api = await withAccount({ serviceAccounts: { maxExpirationSeconds: 3600 } });
    const long = await granted(api, { expirationSeconds: 7200 });
    assert.equal(long.claims['exp'] - long.claims['iat'], 3600);
    assert.ok(Math.abs(long.endSeconds - 3600) < 2);
    assert.match(long.warning, /requested expiration of 7200 seconds shortened to 3600 seconds/);
    const short = await granted(api, { expirationSeconds: 3600 });
    assert.deepEqual([short.claims['exp'] - short.claims['iat'], short.warning], [3600, '']);
  });

  it('that pods are given live for a year where that is wanted, and it is noted', async () => {
    const api = await withAccount({ serviceAccounts: { extendsExpiration: true } });
    await api.must('POST /api/v1/namespaces/default/pods', POD);
    const spec = { expirationSeconds: 3607, boundObjectRef };
    const { token, claims, endSeconds } = await granted(api, spec);
    assert.equal(claims['exp'] - claims['iat'], 365 * 24 * 3600);
    assert.equal(claims['kubernetes.io'].warnafter - claims['iat'], 3607);
    assert.ok(Math.abs(endSeconds - 3607) < 2);
    for (const other of [
      { ...spec, expirationSeconds: 3608 },
      { expirationSeconds: 3607 },
      { ...spec, audiences: ['vault'] },
    ]) {
      const { claims: found } = await granted(api, other);
      assert.equal(found['exp'] - found['iat'], other.expirationSeconds);
      assert.equal(found['kubernetes.io'].warnafter, undefined);
    }
    assert.equal((await api.call(REVIEWS, {}, { token })).status, 201);
    await api.environment.advance(3_700_000);
    assert.equal((await api.call(REVIEWS, {}, { token })).status, 201);
    const metrics = (await api.call('GET /metrics')).body as string;
    assert.match(metrics, /^serviceaccount_valid_tokens_total 1$/m);
    assert.match(metrics, /^serviceaccount_stale_tokens_total 1$/m);
  });

  it('of any issuer that is named are believed, for the audiences of this server', async () => {
    const key = issuerKey('old');
    const id = jwtKeyId(key.publicKey);
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const api = await withAccount(
      { apiAudiences: ['api', 'also'], serviceAccounts: { otherIssuers: ['https://old'] } },
      { trustedServiceAccountKeys: [`# a comment\n${pem}`] },
    );
    const own = await granted(api, { expirationSeconds: 3600 });
    assert.deepEqual([own.claims['iss'], own.claims['aud']], [OWN, ['api', 'also']]);
    const old = (over: object): string =>
      signedToken({ ...key, id }, { ...own.claims, iss: 'https://old', ...over });
    assert.deepEqual((await review(api, old({ aud: ['also', 'x'] }))).audiences, ['also']);
    assert.deepEqual((await review(api, old({ aud: 'x' }), ['x'])).audiences, ['x']);
    const now = Math.floor(api.environment.clock.now() / 1000);
    const table: readonly (readonly [token: string, why: string])[] = [
      [old({ iss: 'https://else' }), 'invalid bearer token'],
      [
        old({ aud: 'x' }),
        'token audiences ["x"] is invalid for the target audiences ["api" "also"]',
      ],
      [old({ exp: now }), 'service account token has expired'],
      [old({ nbf: now + 61 }), 'service account token is not valid yet'],
      [old({ iat: now + 61 }), 'service account token is issued in the future'],
      [
        signedToken({ ...issuerKey('x'), id }, own.claims),
        'go-jose/go-jose: error in cryptographic primitive',
      ],
      [signedToken(key, own.claims), 'invalid signature, no keys found'],
      [
        old({
          'kubernetes.io': {
            ...own.claims['kubernetes.io'],
            serviceaccount: { name: 'a', uid: 'u' },
          },
        }),
        `service account UID (${own.claims['kubernetes.io'].serviceaccount.uid}) does not match claim (u)`,
      ],
    ];
    for (const [token, why] of table)
      assert.equal(
        (await review(api, token)).error,
        why === 'invalid bearer token' ? why : `[invalid bearer token, ${why}]`,
      );
  });

  it('end with what they are bound to', async () => {
    const api = await withAccount({});
    await api.must('POST /api/v1/namespaces/default/pods', POD);
    await api.must('POST /api/v1/nodes', { metadata: { name: 'n' } });
    await api.must('POST /api/v1/namespaces/default/secrets', { metadata: { name: 's' } });
    const bound = [
      ['Pod', 'p', '/api/v1/namespaces/default/pods/p?gracePeriodSeconds=0'],
      ['Node', 'n', '/api/v1/nodes/n'],
      ['Secret', 's', '/api/v1/namespaces/default/secrets/s'],
    ] as const;
    for (const [kind, name, url] of bound) {
      const { token } = await granted(api, {
        expirationSeconds: 3600,
        boundObjectRef: { apiVersion: 'v1', kind, name },
      });
      assert.equal((await review(api, token)).authenticated, true, kind);
      await api.must(`DELETE ${url}`);
      assert.equal(
        (await review(api, token)).error,
        '[invalid bearer token, service account token has been invalidated]',
        kind,
      );
    }
  });

  it('are announced with all keys that are believed', async () => {
    const old = issuerKey('old', 'RS256');
    const pem = old.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const api = await started(
      { serviceAccounts: { jwksUri: 'https://keys.example.com/jwks' } },
      { trustedServiceAccountKeys: [pem] },
    );
    assert.deepEqual(await api.must('GET /.well-known/openid-configuration'), {
      issuer: OWN,
      jwks_uri: 'https://keys.example.com/jwks',
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
    });
    const { keys } = await api.must('GET /openid/v1/jwks');
    assert.deepEqual(
      keys.map(({ kty, alg, use }: Record<string, string>) => [kty, alg, use]),
      [
        ['EC', 'ES256', 'sig'],
        ['RSA', 'RS256', 'sig'],
      ],
    );
    assert.equal(keys[1].kid, jwtKeyId(old.publicKey));
  });
});
