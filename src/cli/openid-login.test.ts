/**
 * A person logs in at a real OpenID provider on loopback, as kubectl's plug-ins have them do it: the
 * authorization-code flow with a proof key (RFC 6749, 4.1; RFC 7636). The id token is shown to an
 * API server that knows the provider by the flags `--oidc-…` of `cox apiserver`.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Provider from 'oidc-provider';
import { readBody } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { issuerKey } from '#kit/token-issuer.ts';
import { TlsIssuer } from '#kit/tls-issuer.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { serverArguments } from './apiserver-arguments.ts';
import { backendConnector } from './backend-connector.ts';

const CLIENT = 'kubectl';
const REDIRECT = 'http://localhost:8000/callback';
const GROUPS = ['brewers', 'readers'];
const STEPS_MAX = 20;

let issuer: TlsIssuer;
let api: TestApiServer;

function provider(): RequestListener {
  const key = issuerKey('first', 'ES256');
  const jwk = { kid: key.id, use: 'sig', alg: key.algorithm };
  return new Provider(issuer.url, {
    jwks: { keys: [{ ...jwk, ...key.privateKey.export({ format: 'jwk' }) }] },
    clients: [
      {
        client_id: CLIENT,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        redirect_uris: [REDIRECT],
        response_types: ['code'],
        id_token_signed_response_alg: key.algorithm,
      },
    ],
    cookies: { keys: ['a key'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    // The id token says all of it: kubectl asks nobody else.
    conformIdTokenClaims: false,
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@example.com`,
        email_verified: id !== 'eve',
        groups: GROUPS,
      }),
    }),
  }).callback();
}

/** A browser: follows where it is sent on this host, and keeps cookies. */
class Browser {
  readonly #cookies = new Map<string, string>();

  /** Up to the first answer that is no redirect, or leads elsewhere: where it is then. */
  async go(url: string, form?: Readonly<Record<string, string>>): Promise<string> {
    let at = url;
    let body = form;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const response = await issuer.client.handler({
        method: body === undefined ? 'GET' : 'POST',
        url: at,
        headers: {
          accept: 'text/html',
          cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(body === undefined ? {} : { body: Buffer.from(String(new URLSearchParams(body))) }),
      });
      await readBody(response.body);
      this.#keep(response.headers['set-cookie']);
      const { location } = response.headers;
      if (location === undefined) return at;
      const next = new URL(location, `${issuer.url}${at}`);
      if (next.origin !== issuer.url) return String(next);
      at = `${next.pathname}${next.search}`;
      body = undefined;
    }
    throw new Error(`too many redirects: ${at}`);
  }

  #keep(lines = ''): void {
    for (const text of lines.split('\n').filter((line) => line !== '')) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

/** Logs `name` in, agrees to what is asked for, and gives the id token. */
async function idTokenOf(name: string): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const asked = new URLSearchParams({
    client_id: CLIENT,
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'openid email groups',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const browser = new Browser();
  const login = await browser.go(`/auth?${String(asked)}`);
  const consent = await browser.go(login, { prompt: 'login', login: name, password: 'any' });
  const back = await browser.go(consent, { prompt: 'consent' });
  assert.ok(back.startsWith(REDIRECT), back);
  const response = await issuer.client.handler({
    method: 'POST',
    url: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(
      String(
        new URLSearchParams({
          grant_type: 'authorization_code',
          client_id: CLIENT,
          code: new URL(back).searchParams.get('code') ?? '',
          redirect_uri: REDIRECT,
          code_verifier: verifier,
        }),
      ),
    ),
  });
  const text = Buffer.from(await readBody(response.body)).toString();
  assert.equal(response.status, 200, text);
  return JSON.parse(text).id_token;
}

interface Known {
  readonly error?: string;
  readonly user: { readonly username?: string; readonly groups?: readonly string[] };
}

/** What the API server says of the token. */
async function reviewOf(token: string): Promise<Known> {
  const { body } = await api.call('POST /apis/authentication.k8s.io/v1/tokenreviews', {
    spec: { token },
  });
  return body.status;
}

before(async () => {
  issuer = await TlsIssuer.start();
  issuer.answer = provider();
  const folder = mkdtempSync(join(tmpdir(), 'cox-openid-'));
  const ca = join(folder, 'ca.crt');
  writeFileSync(ca, issuer.ca);
  const environment = new VirtualEnvironment({ startMs: Date.now() });
  const { options } = serverArguments(
    [
      `oidc-issuer-url=${issuer.url}`,
      `oidc-client-id=${CLIENT}`,
      `oidc-ca-file=${ca}`,
      // Without it RS256 alone is taken, upstream's default.
      'oidc-signing-algs=ES256',
      'oidc-username-claim=email',
      'oidc-groups-claim=groups',
      'oidc-groups-prefix=oidc:',
    ],
    { issuer: 'https://kubernetes.default.svc', environment },
  );
  rmSync(folder, { recursive: true });
  const { authentication = {} } = options;
  api = new TestApiServer({ authentication, environment, backends: backendConnector() });
  await api.environment.resolve(api.server.start());
});

after(() => issuer.stop());

describe('a person who has logged in at an OpenID provider', () => {
  it('is known by the id token: name and groups', async () => {
    const token = await idTokenOf('jane');
    let known = await reviewOf(token);
    // The issuer is asked what it is when the server starts; real time passes until it answers.
    while (known.error?.includes('not initialized') === true) {
      await new Promise((resolve) => setImmediate(resolve));
      known = await reviewOf(token);
    }
    assert.equal(known.error, undefined);
    assert.equal(known.user.username, 'jane@example.com');
    assert.deepEqual(known.user.groups, ['oidc:brewers', 'oidc:readers', 'system:authenticated']);
  });

  it('is not known where the provider has not seen to the address', async () => {
    const { error } = await reviewOf(await idTokenOf('eve'));
    assert.match(error ?? '', /email not verified/);
  });
});
