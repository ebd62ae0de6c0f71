import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { parseFlags } from '../flags.ts';
import { authenticationOptions } from './authentication-options.ts';
import { authorizationOptions } from './authorization-options.ts';
import { ConfigFiles } from './config-files.ts';
import { API_SERVER } from './flags.ts';
import { configFolder, kubeconfig, userError } from './test-kit.ts';

const OWN = 'https://own.example.com';

function optionsOf(
  args: readonly string[],
  files = new ConfigFiles(),
): Pick<ApiServerOptions, 'serviceAccountIssuer' | 'authentication'> {
  const flags = parseFlags(API_SERVER, [`--service-account-issuer=${OWN}`, ...args]);
  return authenticationOptions(flags, { files, authorization: authorizationOptions(flags, files) });
}

const config = (over: object): object => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AuthenticationConfiguration',
  jwt: [],
  ...over,
});
const OIDC = ['--oidc-issuer-url=https://i.example.com', '--oidc-client-id=us'];

describe('flags of authentication', () => {
  it('have upstream’s defaults', () => {
    assert.deepEqual(optionsOf([]), {
      serviceAccountIssuer: OWN,
      authentication: {
        anonymous: { enabled: true, conditions: [] },
        serviceAccounts: {
          otherIssuers: [],
          looksUp: true,
          extendsExpiration: true,
          maxExpirationSeconds: 0,
        },
      },
    });
  });

  it('say of service accounts whom to believe, and for how long', () => {
    const { serviceAccountIssuer, authentication } = optionsOf([
      '--service-account-issuer=old',
      '--service-account-lookup=false',
      '--service-account-extend-token-expiration=false',
      '--service-account-max-token-expiration=2h',
      '--service-account-jwks-uri=https://keys.example.com',
      '--api-audiences=a,b',
      '--anonymous-auth=false',
    ]);
    assert.equal(serviceAccountIssuer, OWN);
    assert.deepEqual(authentication, {
      anonymous: { enabled: false, conditions: [] },
      apiAudiences: ['a', 'b'],
      serviceAccounts: {
        otherIssuers: ['old'],
        looksUp: false,
        extendsExpiration: false,
        maxExpirationSeconds: 7200,
        jwksUri: 'https://keys.example.com',
      },
    });
  });

  it('name an OpenID issuer', () => {
    const jwtOf = (...args: string[]) => {
      const { config: live, signingAlgorithms } =
        optionsOf([...OIDC, ...args]).authentication ?? {};
      return { jwt: live?.current.jwt[0], signingAlgorithms };
    };
    const { jwt, signingAlgorithms } = jwtOf(
      '--oidc-groups-claim=roles',
      '--oidc-required-claim=a=b=c',
      '--oidc-signing-algs=ES256,PS512',
    );
    assert.deepEqual(signingAlgorithms, ['ES256', 'PS512']);
    assert.deepEqual(jwt?.issuer.audiences, ['us']);
    assert.deepEqual(jwt?.claimValidationRules, [
      { claim: 'a', requiredValue: 'b=c', expression: '', message: '' },
    ]);
    assert.deepEqual(jwt?.claimMappings.groups, { claim: 'roles', prefix: '', expression: '' });
    const prefix = (...args: string[]): unknown =>
      jwtOf(...args).jwt?.claimMappings.username.prefix;
    assert.equal(prefix(), 'https://i.example.com#');
    assert.equal(prefix('--oidc-username-claim=email'), '');
    assert.equal(prefix('--oidc-username-prefix=-'), '');
    assert.equal(prefix('--oidc-username-prefix=x:'), 'x:');
    assert.deepEqual(jwtOf().signingAlgorithms, ['RS256']);
  });

  it('name files of tokens and of a webhook', (t) => {
    const write = configFolder(t);
    const { staticTokens, webhook } =
      optionsOf([
        `--token-auth-file=${write('tokens', 'abc,jane,7')}`,
        `--authentication-token-webhook-config-file=${write('far', kubeconfig('https://far'))}`,
        '--authentication-token-webhook-cache-ttl=5s',
      ]).authentication ?? {};
    assert.deepEqual(
      [...(staticTokens?.values() ?? [])].map(({ name }) => name),
      ['jane'],
    );
    assert.deepEqual([webhook?.version, webhook?.cacheMs], ['v1beta1', 5_000]);
    assert.equal(webhook?.endpoint.backend.host, 'far');
  });

  it('that make no sense are refused', (t) => {
    const write = configFolder(t);
    const anonymous = write('anonymous', config({ anonymous: { enabled: true } }));
    const issuer = { url: OWN, audiences: ['us'] };
    const claimMappings = { username: { claim: 'sub', prefix: '' } };
    const own = write('own', config({ jwt: [{ issuer, claimMappings }] }));
    const far = { url: 'https://far', audiences: ['us'], egressSelectorType: 'cluster' };
    const egress = write('egress', config({ jwt: [{ issuer: far, claimMappings }] }));
    const table: readonly (readonly [args: string[], message: string])[] = [
      [[`--service-account-issuer=${OWN}`], `service-account-issuer "${OWN}" is already specified`],
      [
        ['--service-account-issuer=a:b c'],
        `service-account-issuer "https://[" contained a ':' but was not a valid URL`,
      ],
      [
        ['--service-account-max-token-expiration=59m'],
        'the service-account-max-token-expiration must be between 1 hour and 2^32 seconds',
      ],
      [
        ['--service-account-jwks-uri=http://keys'],
        'service-account-jwks-uri requires https scheme, parsed as: http://keys',
      ],
      [
        ['--oidc-groups-claim=roles'],
        'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set',
      ],
      [
        ['--oidc-issuer-url=http://i', '--oidc-client-id=us'],
        'invalid authentication configuration: jwt[0].issuer.url: Invalid value: "http://i": URL scheme must be https',
      ],
      [[...OIDC, '--oidc-signing-algs=HS256'], 'oidc: unsupported signing alg: "HS256"'],
      [
        [...OIDC, '--oidc-required-claim=a'],
        'invalid argument "a" for "--oidc-required-claim" flag: malformed pair, expect string=string',
      ],
      [
        [...OIDC, `--authentication-config=${own}`],
        'authentication-config file and oidc-* flags are mutually exclusive',
      ],
      [
        [`--authentication-config=${own}`],
        `jwt[0].issuer.url: Invalid value: "${OWN}": URL must not overlap with disallowed issuers: [${OWN}]`,
      ],
      [
        [`--authentication-config=${egress}`],
        'oidc: egress lookup required with egress selector type "cluster"',
      ],
      [
        [`--authentication-config=${anonymous}`, '--anonymous-auth=true'],
        'anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
      ],
      [
        [
          `--authentication-token-webhook-config-file=${write('k', kubeconfig('https://far'))}`,
          '--authentication-token-webhook-version=v2',
        ],
        'unsupported authentication webhook version "v2", supported versions are "v1", "v1beta1"',
      ],
      [
        [`--token-auth-file=${write('bad', 'a,b')}`],
        `token file '${write('bad', 'a,b')}' must have at least 3 columns (token, user name, user uid), found 2`,
      ],
    ];
    for (const [args, message] of table) {
      const given = args.map((arg) => arg.replace('a:b c', 'https://['));
      assert.equal(
        userError(() => optionsOf(given)),
        message,
      );
    }
    const flags = parseFlags(API_SERVER, []);
    const files = new ConfigFiles();
    const authorization = authorizationOptions(flags, files);
    assert.equal(
      userError(() => authenticationOptions(flags, { files, authorization })),
      '--service-account-issuer is a required flag',
    );
  });

  it('let nobody in where everything is allowed', () => {
    const { anonymous } = optionsOf(['--authorization-mode=AlwaysAllow']).authentication ?? {};
    assert.equal(anonymous?.enabled, false);
  });
});

describe('the file of an AuthenticationConfiguration', () => {
  it('holds as it is written, but for what it says of nobody', async (t) => {
    const write = configFolder(t);
    const anonymous = { enabled: true, conditions: [{ path: '/livez' }] };
    const path = write('config', config({ anonymous }));
    const files = new ConfigFiles();
    const { config: live, anonymous: used } =
      optionsOf([`--authentication-config=${path}`], files).authentication ?? {};
    assert.deepEqual(used, anonymous);
    const environment = new VirtualEnvironment();
    files.start(environment);
    t.after(() => files.stop());
    const errors: string[] = [];
    live?.subscribe((change) => errors.push('error' in change ? change.error : ''));
    const claimMappings = { username: { claim: 'sub', prefix: '' } };
    const jwt = [{ issuer: { url: 'https://i', audiences: ['us'] }, claimMappings }];
    write('config', config({ anonymous, jwt }));
    await environment.advance(60_000);
    assert.equal(live?.current.jwt.length, 1);
    write('config', config({ jwt }));
    await environment.advance(60_000);
    assert.deepEqual(errors, ['', 'anonymous: Forbidden: changed from initial configuration file']);
    assert.deepEqual(live?.current.anonymous, anonymous);
  });
});
