/** Tokens of foreign issuers, shown to an API server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readAuthentication } from '#api/apiserver-config/authentication.ts';
import type { AuthenticationConfiguration } from '#api/apiserver-config/authentication-types.ts';
import { LiveValue } from '#base/live.ts';
import { TestApiServer } from '#kit/api-server.ts';
import {
  forgedToken,
  issuerKey,
  roadTo,
  signedToken,
  TokenIssuer,
  unsignedToken,
} from '#kit/token-issuer.ts';

const REVIEWS = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews';
const TOKEN_REVIEWS = 'POST /apis/authentication.k8s.io/v1/tokenreviews';
const OWN = 'https://kubernetes.default.svc';
const NOW_SECONDS = (api: TestApiServer): number => Math.floor(api.environment.clock.now() / 1000);

const entry = (over: object = {}, issuer: object = {}): object => ({
  issuer: { url: 'https://issuer.example.com', audiences: ['us'], ...issuer },
  claimMappings: { username: { claim: 'sub', prefix: 'oidc:' } },
  ...over,
});

const configOf = (...jwt: object[]): AuthenticationConfiguration =>
  readAuthentication(
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt,
    }),
    { ownIssuers: [OWN] },
  );

class World {
  readonly issuer: TokenIssuer;
  readonly api: TestApiServer;
  readonly config: LiveValue<AuthenticationConfiguration>;

  constructor(issuers: readonly TokenIssuer[], config: AuthenticationConfiguration) {
    const [issuer] = issuers;
    assert.ok(issuer !== undefined);
    this.issuer = issuer;
    this.config = new LiveValue(config, 'first');
    this.api = new TestApiServer({
      backends: roadTo(...issuers),
      authentication: { config: this.config },
    });
  }

  static async start(
    over: object = {},
    issuer = new TokenIssuer(),
    more: object = {},
  ): Promise<World> {
    const world = new World([issuer], configOf(entry(over, more)));
    await world.api.environment.resolve(world.api.server.start());
    return world;
  }

  claims(over: object = {}): object {
    const now = NOW_SECONDS(this.api);
    return { sub: 'jane', aud: 'us', exp: now + 600, iat: now, ...over };
  }

  /** The user, or why there is none. */
  async whoIs(token: string): Promise<unknown> {
    const { status } = await this.api.must(TOKEN_REVIEWS, { spec: { token } });
    return status.authenticated === true ? status.user : status.error;
  }

  who(over: object = {}): Promise<unknown> {
    return this.whoIs(this.issuer.token(this.claims(over)));
  }

  async metric(pattern: RegExp): Promise<boolean> {
    return pattern.test((await this.api.call('GET /metrics')).body as string);
  }
}

const refused = (text: string): string => `[invalid bearer token, oidc: ${text}]`;

describe('a token of a foreign issuer', () => {
  it('lets its user in', async () => {
    const world = await World.start();
    const token = world.issuer.token(world.claims({ jti: 'x' }));
    const { body } = await world.api.call(REVIEWS, {}, { token });
    assert.deepEqual(body.status.userInfo, {
      username: 'oidc:jane',
      groups: ['system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'] },
    });
    const { status } = await world.api.must(TOKEN_REVIEWS, { spec: { token } });
    assert.deepEqual(status.audiences, [OWN]);
    assert.deepEqual(world.issuer.asked, ['/.well-known/openid-configuration', '/keys']);
    assert.ok(
      await world.metric(
        /^apiserver_authentication_jwt_authenticator_latency_seconds_count\{result="success",jwt_issuer_hash="sha256:\w+"\} 1$/m,
      ),
    );
    assert.ok(
      await world.metric(/_jwks_fetch_last_timestamp_seconds\{result="success",jwt_issuer_hash=/),
    );
    assert.ok(await world.metric(/_jwks_fetch_last_key_set_info\{jwt_issuer_hash=/));
  });

  it('is refused when it is not good', async () => {
    const world = await World.start();
    const { issuer } = world;
    const now = NOW_SECONDS(world.api);
    const verify = 'verify token: ';
    const table: readonly (readonly [token: string, why: string | RegExp])[] = [
      [
        issuer.token(world.claims({ aud: 'them' })),
        refused(`${verify}oidc: expected audience in ["us"] got ["them"]`),
      ],
      [
        issuer.token(world.claims({ exp: now - 1 })),
        /^\[invalid bearer token, oidc: verify token: oidc: token is expired \(Token Expiry: .*\)\]$/,
      ],
      [issuer.token({ sub: 'jane', aud: 'us' }), /token is expired/],
      [issuer.token(world.claims({ nbf: now + 61 })), /before the nbf \(not before\) time/],
      [
        unsignedToken({ ...world.claims(), iss: issuer.url }),
        /oidc: id token signed with unsupported algorithm, expected \["ES256" .*\] got "none"\]$/,
      ],
      [
        forgedToken(issuer.key, { ...world.claims(), iss: issuer.url }),
        /id token signed with unsupported algorithm, .* got "HS256"\]$/,
      ],
      [
        signedToken(issuerKey('one'), { ...world.claims(), iss: issuer.url }),
        refused(`${verify}failed to verify signature: failed to verify id token signature`),
      ],
      // Of an issuer that nobody named.
      [signedToken(issuer.key, { ...world.claims(), iss: 'https://else' }), 'invalid bearer token'],
    ];
    for (const [token, why] of table) {
      const who = await world.whoIs(token);
      if (typeof why === 'string') assert.equal(who, why);
      else assert.match(String(who), why);
      const { status, body } = await world.api.call(REVIEWS, {}, { token });
      assert.deepEqual([status, body.message], [401, 'Unauthorized']);
    }
    // A clock that is a minute behind.
    assert.equal(typeof (await world.who({ nbf: now + 59 })), 'object');
    assert.equal(typeof (await world.who({ aud: ['them', 'us'] })), 'object');
  });

  it('is for the audiences of the API server alone', async () => {
    const world = await World.start();
    const token = world.issuer.token(world.claims());
    const ask = async (audiences: string[]) =>
      (await world.api.must(TOKEN_REVIEWS, { spec: { token, audiences } })).status;
    assert.equal((await ask(['other'])).error, 'invalid bearer token');
    assert.deepEqual((await ask(['other', OWN])).audiences, [OWN]);
  });

  it('is remembered for ten seconds when it was good', async () => {
    const world = await World.start();
    const token = world.issuer.token(world.claims({ exp: NOW_SECONDS(world.api) + 5 }));
    assert.equal(typeof (await world.whoIs(token)), 'object');
    await world.api.environment.advance(9_000);
    assert.equal(typeof (await world.whoIs(token)), 'object');
    await world.api.environment.advance(1_001);
    assert.match(String(await world.whoIs(token)), /token is expired/);
  });
});

describe('the keys of an issuer', () => {
  it('are fetched again when a token shows another one', async () => {
    const world = await World.start();
    const { issuer } = world;
    await world.who();
    const old = issuer.token(world.claims({ sub: 'old' }));
    issuer.keys = [issuerKey('two')];
    assert.equal(typeof (await world.who({ sub: 'new' })), 'object');
    assert.equal(issuer.asked.filter((url) => url === '/keys').length, 2);
    // The old key is believed no longer.
    assert.match(String(await world.whoIs(old)), /failed to verify id token signature/);
  });

  it('are not, as long as the issuer said that they hold', async () => {
    const world = await World.start();
    const { issuer } = world;
    issuer.headers = { 'cache-control': 'public, max-age=3600' };
    await world.who();
    issuer.keys = [issuerKey('two')];
    assert.match(String(await world.who({ n: 1 })), /failed to verify id token signature/);
    assert.equal(issuer.asked.length, 2);
    // Half a minute before they end.
    await world.api.environment.advance(3_571_000);
    assert.equal(typeof (await world.who({ n: 2 })), 'object');
  });

  it('are good while the issuer is out of reach', async () => {
    const world = await World.start();
    await world.who();
    world.issuer.broken = 503;
    assert.equal(typeof (await world.who({ n: 1 })), 'object');
    world.issuer.keys = [issuerKey('two')];
    assert.equal(
      await world.who({ n: 2 }),
      refused(
        'verify token: failed to verify signature: fetching keys oidc: get keys failed 503: sorry',
      ),
    );
    assert.ok(
      await world.metric(/_jwks_fetch_last_timestamp_seconds\{result="failure",jwt_issuer_hash=/),
    );
  });
});

describe('an issuer', () => {
  it('that is down is asked on and on, and stops no other one', async () => {
    const up = new TokenIssuer('https://up.example.com');
    const down = new TokenIssuer('https://down.example.com/path/');
    down.broken = new Error('no route');
    const world = new World(
      [up, down],
      configOf(entry({}, { url: up.url }), entry({}, { url: down.url })),
    );
    const { environment } = world.api;
    await environment.resolve(world.api.server.start());
    const token = down.token(world.claims());
    assert.equal(await world.whoIs(token), refused('authenticator not initialized'));
    assert.equal(typeof (await world.whoIs(up.token(world.claims()))), 'object');
    down.broken = undefined;
    down.discovery = { issuer: down.url, jwks_uri: 'https://down.example.com/path/keys' };
    await environment.advance(10_001);
    assert.equal(typeof (await world.whoIs(token)), 'object');
    assert.deepEqual(down.asked, [
      '/path/.well-known/openid-configuration',
      '/path/.well-known/openid-configuration',
      '/path/keys',
    ]);
  });

  it('must say that it is itself, and where its keys are, by HTTPS', async () => {
    for (const discovery of [
      { issuer: 'https://else.example.com', jwks_uri: 'https://issuer.example.com/keys' },
      { issuer: 'https://issuer.example.com' },
    ]) {
      const issuer = new TokenIssuer();
      issuer.discovery = discovery;
      const world = await World.start({}, issuer);
      assert.equal(await world.who(), refused('authenticator not initialized'));
    }
    const issuer = new TokenIssuer();
    issuer.discovery = { issuer: issuer.url, jwks_uri: 'http://issuer.example.com/keys' };
    const world = await World.start({}, issuer);
    assert.match(
      String(await world.who()),
      /get keys failed Get "http:.*": unsupported protocol scheme/,
    );
  });

  it('may say it elsewhere, to who knows its authority', async () => {
    const issuer = new TokenIssuer();
    const other = new TokenIssuer('https://self.example.com');
    other.pages.set(
      '/found',
      JSON.stringify({ issuer: issuer.url, jwks_uri: `${other.url}/keys` }),
    );
    other.keys = issuer.keys;
    const world = new World(
      [issuer, other],
      configOf(entry({}, { discoveryURL: 'https://self.example.com/found' })),
    );
    await world.api.environment.resolve(world.api.server.start());
    assert.equal(typeof (await world.who()), 'object');
    assert.deepEqual([issuer.asked, other.asked], [[], ['/found', '/keys']]);
  });
});

describe('claims', () => {
  const user = async (mappings: object, claims: object, over: object = {}): Promise<unknown> => {
    const claimMappings = { username: { claim: 'sub', prefix: '' }, ...mappings };
    const world = await World.start({ claimMappings, ...over });
    return world.who(claims);
  };
  const AUTHENTICATED = 'system:authenticated';

  it('name groups, one or many, with a prefix', async () => {
    const groups = { groups: { claim: 'roles', prefix: 'r:' } };
    assert.deepEqual(await user(groups, { roles: ['a', 'b'] }), {
      username: 'jane',
      groups: ['r:a', 'r:b', AUTHENTICATED],
    });
    assert.deepEqual(await user(groups, { roles: 'a' }), {
      username: 'jane',
      groups: ['r:a', AUTHENTICATED],
    });
    assert.equal(
      await user(groups, { roles: 7 }),
      refused(
        'parse groups claim "roles": json: cannot unmarshal number into Go value of type string',
      ),
    );
  });

  it('name a user, by an address that is verified', async () => {
    const email = { username: { claim: 'email', prefix: '' } };
    assert.equal(
      await user(email, {}),
      refused('parse username claims "email": claim not present'),
    );
    assert.equal(
      await user(email, { email: 'a@b', email_verified: false }),
      refused('email not verified'),
    );
    const known = (await user(email, { email: 'a@b', email_verified: true })) as {
      username: string;
    };
    assert.equal(known.username, 'a@b');
  });

  it('are mapped by expressions', async () => {
    const mappings = {
      username: { expression: "claims.sub + '@' + claims.org.unit__dot__name" },
      groups: { expression: "claims.roles.split(',')" },
      uid: { expression: 'string(int(claims.number))' },
      extra: [
        { key: 'acme.io/team', valueExpression: 'claims.?team' + ".orValue('none')" },
        { key: 'acme.io/empty', valueExpression: "''" },
      ],
    };
    const claims = { org: { 'unit.name': 'it' }, roles: 'a,b,', number: 5 };
    assert.deepEqual(await user(mappings, claims), {
      username: 'jane@it',
      uid: '5',
      groups: ['a', 'b', AUTHENTICATED],
      extra: { 'acme.io/team': ['none'] },
    });
    assert.equal(
      await user({ username: { expression: 'claims.number' } }, { number: 1 }),
      refused(
        'error evaluating username claim expression: username claim expression must return a string',
      ),
    );
    assert.equal(
      await user({ username: { expression: "''" } }, {}),
      refused('empty username via CEL expression is not allowed'),
    );
    assert.equal(
      await user({ groups: { expression: 'claims.roles' } }, { roles: [1] }),
      refused(
        'error evaluating group claim expression: expression must return a string or a list of strings',
      ),
    );
    // Numbers are doubles.
    const doubles = { uid: { expression: "claims.number + 0.5 == 1.5 ? 'yes' : 'no'" } };
    assert.equal(((await user(doubles, { number: 1 })) as { uid: string }).uid, 'yes');
  });

  it('must be those that rules ask for', async () => {
    const required = { claimValidationRules: [{ claim: 'org', requiredValue: 'acme' }] };
    assert.equal(
      await user({}, {}, required),
      refused('required claim org not present in ID token'),
    );
    assert.equal(
      await user({}, { org: 'else' }, required),
      refused('required claim org value does not match. Got = else, want = acme'),
    );
    assert.equal(typeof (await user({}, { org: 'acme' }, required)), 'object');
    const expression = 'claims.exp - claims.iat <= 300';
    assert.equal(
      await user({}, {}, { claimValidationRules: [{ expression, message: 'too long' }] }),
      refused(
        `error evaluating claim validation expression: validation expression '${expression}' failed: too long`,
      ),
    );
    const rule = "!user.username.startsWith('system:') && 'staff' in user.groups";
    const staff = { userValidationRules: [{ expression: rule, message: 'no' }] };
    const groups = { groups: { claim: 'roles', prefix: '' } };
    assert.equal(typeof (await user(groups, { roles: 'staff' }, staff)), 'object');
    assert.equal(
      await user(groups, { roles: 'staff', sub: 'system:root' }, staff),
      refused(
        `error evaluating user info validation rule: validation expression '${rule}' failed: no`,
      ),
    );
  });

  it('of groups may lie with another server', async () => {
    const claimMappings = {
      username: { claim: 'sub', prefix: '' },
      groups: { claim: 'roles', prefix: 'far:' },
    };
    const issuer = new TokenIssuer();
    const world = await World.start({ claimMappings }, issuer);
    let sent: string | undefined;
    issuer.pages.set('/groups', ({ headers }) => {
      sent = headers['authorization'];
      return issuer.token({ ...world.claims(), roles: ['a'] });
    });
    const distributed = {
      _claim_names: { roles: 'src' },
      _claim_sources: { src: { endpoint: `${issuer.url}/groups`, access_token: 'key' } },
    };
    assert.deepEqual(await world.who(distributed), {
      username: 'jane',
      groups: ['far:a', AUTHENTICATED],
    });
    assert.equal(sent, 'Bearer key');
    issuer.pages.set('/groups', () => issuer.token({ ...world.claims(), aud: 'them' }));
    assert.match(
      String(await world.who({ ...distributed, n: 1 })),
      /oidc: could not expand distributed claims: verify distributed claim token: oidc: expected audience/,
    );
    issuer.pages.set('/groups', () => issuer.token(world.claims()));
    assert.match(
      String(await world.who({ ...distributed, n: 2 })),
      /jwt returned by distributed claim endpoint ".*\/groups" did not contain claim: roles\]$/,
    );
    assert.equal(
      await world.who({ _claim_names: { roles: 'src' } }),
      refused('could not expand distributed claims: oidc: no claim sources'),
    );
    // A claim that is there is not looked up.
    const own = (await world.who({ ...distributed, roles: ['own'] })) as { groups: string[] };
    assert.deepEqual(own.groups, ['far:own', AUTHENTICATED]);
  });
});

describe('another configuration', () => {
  const second = new TokenIssuer('https://second.example.com');
  const reloads = (status: string): RegExp =>
    new RegExp(
      `^apiserver_authentication_config_controller_automatic_reloads_total\\{status="${status}",.*\\} 1$`,
      'm',
    );

  it('holds once its issuers answer, in place of the one before', async () => {
    const first = new TokenIssuer();
    const world = new World([first, second], configOf(entry()));
    const { environment } = world.api;
    await environment.resolve(world.api.server.start());
    const token = second.token(world.claims());
    assert.equal(typeof (await world.who()), 'object');
    assert.equal(await world.whoIs(token), 'invalid bearer token');
    world.config.set(configOf(entry({}, { url: second.url })), 'second');
    await environment.advance(3_000);
    assert.equal(typeof (await world.whoIs(token)), 'object');
    assert.equal(await world.who({ n: 1 }), 'invalid bearer token');
    assert.ok(await world.metric(reloads('success')));
    // What is known of the keys of the one before is forgotten after a minute.
    const keySets = async (): Promise<number> => {
      const { body } = await world.api.call('GET /metrics');
      return (body as string).match(/^\w+_jwks_fetch_last_key_set_info\{/gm)?.length ?? 0;
    };
    assert.equal(await keySets(), 2);
    await environment.advance(60_000);
    assert.equal(await keySets(), 1);
  });

  it('is tried again when one did not answer', async () => {
    const late = new TokenIssuer('https://late.example.com');
    late.broken = 503;
    const world = new World([new TokenIssuer(), late], configOf(entry()));
    const { environment } = world.api;
    await environment.resolve(world.api.server.start());
    world.config.set(configOf(entry({}, { url: late.url })), 'second');
    await environment.advance(71_000);
    assert.ok(await world.metric(reloads('failure')));
    late.broken = undefined;
    assert.equal(await world.whoIs(late.token(world.claims())), 'invalid bearer token');
    await environment.advance(62_000);
    assert.equal(typeof (await world.whoIs(late.token(world.claims({ n: 1 })))), 'object');
    assert.ok(await world.metric(reloads('success')));
  });

  it('does not while one is out of reach', async () => {
    const world = await World.start();
    const { environment } = world.api;
    world.config.set(configOf(entry({}, { url: 'https://gone.example.com' })), 'second');
    await environment.advance(59_000);
    assert.ok(!(await world.metric(reloads('failure'))));
    await environment.advance(12_000);
    assert.ok(await world.metric(reloads('failure')));
    assert.equal(typeof (await world.who()), 'object');
    world.config.fail('bad');
    assert.ok(!(await world.metric(reloads('failure'))));
    assert.ok(!(await world.metric(reloads('success'))));
  });
});
