/** A real OpenID provider on loopback: its own tokens, over TLS, shown to an API server. */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, describe, it } from 'node:test';
import Provider from 'oidc-provider';
import { readAuthentication } from '#api/apiserver-config/authentication.ts';
import { readBody } from '#base/http/message.ts';
import { constant } from '#base/live.ts';
import { TestApiServer } from '#kit/api-server.ts';
import {
  forgedToken,
  type IssuerKey,
  issuerKey,
  signedToken,
  unsignedToken,
} from '#kit/token-issuer.ts';
import { TlsIssuer } from '#kit/tls-issuer.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { backendConnector } from './backend-connector.ts';

const AUDIENCE = 'the-cluster';
const TTL_SECONDS = 600;
const TRIES = 10_000;

let issuer: TlsIssuer;
let api: TestApiServer;

/** A provider with one client, whose tokens are JWTs for `audience`. */
function providerWith(key: IssuerKey, audience = AUDIENCE, name = issuer.url): RequestListener {
  const jwk = { kid: key.id, use: 'sig', alg: key.algorithm };
  return new Provider(name, {
    jwks: { keys: [{ ...jwk, ...key.privateKey.export({ format: 'jwk' }) }] },
    clients: [
      {
        client_id: 'robot',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: key.algorithm,
      },
    ],
    cookies: { keys: ['a key'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:cluster',
        getResourceServerInfo: () => ({
          scope: 'api',
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: TTL_SECONDS,
          jwt: { sign: { alg: key.algorithm } },
        }),
      },
    },
  }).callback();
}

/** By the flow of client credentials (RFC 6749, 4.4). */
async function grantedToken(): Promise<string> {
  const response = await issuer.client.handler({
    method: 'POST',
    url: '/token',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from('robot:secret').toString('base64')}`,
    },
    body: Buffer.from('grant_type=client_credentials'),
  });
  const text = Buffer.from(await readBody(response.body)).toString();
  assert.equal(response.status, 200, text);
  return (JSON.parse(text) as { access_token: string }).access_token;
}

async function statusOf(token: string) {
  const { body } = await api.call('POST /apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token },
  });
  return body.status as { user: { username?: string }; error?: string };
}

before(async () => {
  issuer = await TlsIssuer.start();
});

after(() => issuer.stop());

describe('a real OpenID provider', () => {
  const first = issuerKey('first', 'ES256');

  before(async () => {
    issuer.answer = providerWith(first);
    const config = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: issuer.url, audiences: [AUDIENCE], certificateAuthority: issuer.ca },
          claimMappings: { username: { expression: "'robot:' + claims.client_id" } },
        },
      ],
    };
    api = new TestApiServer({
      environment: new VirtualEnvironment({ startMs: Date.now() }),
      backends: backendConnector(),
      authentication: {
        config: constant(readAuthentication(JSON.stringify(config), { ownIssuers: [] })),
      },
    });
    await api.environment.resolve(api.server.start());
    const token = await grantedToken();
    // The issuer is asked what it is when the server starts; real time passes until it answers.
    for (let tries = 0; (await statusOf(token)).error?.includes('not initialized'); tries++) {
      assert.ok(tries < TRIES, 'the issuer never answered');
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('lets in who shows its token', async () => {
    const status = await statusOf(await grantedToken());
    assert.equal(status.error, undefined);
    assert.equal(status.user.username, 'robot:robot');
  });

  it('lets in nobody by what it did not sign', async () => {
    const claims = {
      iss: issuer.url,
      aud: AUDIENCE,
      client_id: 'robot',
      exp: Math.floor(Date.now() / 1000) + TTL_SECONDS,
    };
    const table: readonly (readonly [token: string, why: RegExp])[] = [
      [unsignedToken(claims), /unsupported algorithm.* got "none"/],
      [forgedToken(first, claims), /unsupported algorithm.* got "HS256"/],
      [signedToken(issuerKey('first'), claims), /failed to verify id token signature/],
      [signedToken(first, { ...claims, iss: 'https://else' }), /^invalid bearer token$/],
      [signedToken(first, { ...claims, aud: 'else' }), /expected audience in/],
    ];
    for (const [token, why] of table) assert.match((await statusOf(token)).error ?? '', why);
    assert.equal((await statusOf(signedToken(first, claims))).error, undefined);
  });

  it('lets in nobody by a token for somebody else', async () => {
    issuer.answer = providerWith(first, 'another-cluster');
    const { error } = await statusOf(await grantedToken());
    assert.match(error ?? '', /expected audience in \["the-cluster"\] got \["another-cluster"\]/);
  });

  it('may change its key', async () => {
    const second = issuerKey('second', 'PS256');
    issuer.answer = providerWith(second);
    assert.equal((await statusOf(await grantedToken())).error, undefined);
  });

  it('lets in nobody by a token that is over', async () => {
    const token = await grantedToken();
    assert.equal((await statusOf(token)).error, undefined);
    // Virtual time is behind the provider's, by what passed since this test began.
    await api.environment.advance(2 * TTL_SECONDS * 1000);
    assert.match((await statusOf(token)).error ?? '', /token is expired/);
  });
});
