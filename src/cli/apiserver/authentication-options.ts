/**
 * Whose tokens are believed, by flags or by the file of an AuthenticationConfiguration.
 *
 * Source: upstream v1.36 pkg/kubeapiserver/options/authentication.go.
 */
import { readAuthentication } from '#api/apiserver-config/authentication.ts';
import type {
  AnonymousConfig,
  AuthenticationConfiguration,
} from '#api/apiserver-config/authentication-types.ts';
import { validateAuthentication } from '#api/apiserver-config/validate-authentication.ts';
import { ConfigError } from '#api/component-config/error.ts';
import type { AuthenticationOptions, ServiceAccountOptions } from '#apiserver/authn/options.ts';
import {
  readStaticTokens,
  type StaticTokens,
  TokenFileError,
} from '#apiserver/authn/static-tokens.ts';
import type { TokenWebhookOptions } from '#apiserver/authn/token-webhook.ts';
import type { AuthorizationOptions } from '#apiserver/authz/chain.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { JWT_ALGORITHMS } from '#base/jwt.ts';
import { constant, type Live } from '#base/live.ts';
import type { Flags as AnyFlags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { AUTHENTICATION_FLAGS, type AuthenticationFlag } from './authentication-flags.ts';
import type { ConfigFiles } from './config-files.ts';
import { reviewEndpoint } from './review-endpoint.ts';

type Flags = AnyFlags<AuthenticationFlag>;

const HOUR_SECONDS = 60 * 60;
const EXPIRATION_MAX_SECONDS = 2 ** 32;
const ANONYMOUS_FLAG = 'anonymous-auth';

/** Throws UserError with upstream's words. `files`: gets the file, which is followed. */
export function authenticationOptions(
  flags: Flags,
  options: { readonly files: ConfigFiles; readonly authorization: AuthorizationOptions },
): Pick<ApiServerOptions, 'serviceAccountIssuer' | 'authentication'> {
  const [issuer, ...otherIssuers] = issuersOf(flags);
  try {
    const config = configOf(flags, [issuer, ...otherIssuers], options.files);
    const audiences = flags.list('api-audiences');
    const authentication: AuthenticationOptions = {
      ...config,
      anonymous: anonymousOf(flags, config.config?.current, options.authorization),
      ...(audiences.length === 0 ? {} : { apiAudiences: audiences }),
      serviceAccounts: { otherIssuers, ...serviceAccountsOf(flags) },
      ...staticTokensOf(flags),
      ...webhookOf(flags),
    };
    return { serviceAccountIssuer: issuer, authentication };
  } catch (error) {
    if (error instanceof ConfigError || error instanceof TokenFileError)
      throw new UserError(error.message);
    throw error;
  }
}

function issuersOf(flags: Flags): [string, ...string[]] {
  const [first, ...others] = flags.list('service-account-issuer');
  if (first === undefined) throw new UserError('--service-account-issuer is a required flag');
  for (const [i, issuer] of others.entries())
    if ([first, ...others.slice(0, i)].includes(issuer))
      throw new UserError(`service-account-issuer ${JSON.stringify(issuer)} is already specified`);
  for (const issuer of [first, ...others])
    if (issuer.includes(':') && !URL.canParse(issuer))
      throw new UserError(
        `service-account-issuer ${JSON.stringify(issuer)} contained a ':' but was not a valid URL`,
      );
  return [first, ...others];
}

type ConfigOptions = Pick<AuthenticationOptions, 'config' | 'signingAlgorithms'>;

function configOf(flags: Flags, ownIssuers: readonly string[], files: ConfigFiles): ConfigOptions {
  const path = flags.text('authentication-config');
  const names = Object.keys(AUTHENTICATION_FLAGS) as AuthenticationFlag[];
  const hasOidc = names.some((name) => name.startsWith('oidc-') && flags.isGiven(name));
  if (path !== '') {
    if (hasOidc)
      throw new UserError('authentication-config file and oidc-* flags are mutually exclusive');
    return { config: follow(path, ownIssuers, files) };
  }
  if (!hasOidc) return {};
  if (flags.text('oidc-issuer-url') === '' || flags.text('oidc-client-id') === '')
    throw new UserError(
      'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set',
    );
  const config = oidcConfig(flags);
  const errors = validateAuthentication(config, ownIssuers).map((error) => error.text());
  if (errors.length > 0)
    throw new UserError(
      `invalid authentication configuration: ${errors.length === 1 ? errors.join() : `[${errors.join(', ')}]`}`,
    );
  return { config: constant(config), signingAlgorithms: algorithmsOf(flags) };
}

function follow(
  path: string,
  ownIssuers: readonly string[],
  files: ConfigFiles,
): Live<AuthenticationConfiguration> {
  const seen: { first?: AuthenticationConfiguration } = {};
  const live = files.follow(path, (text) => {
    const config = readAuthentication(text, { ownIssuers, ...seen });
    refuseEgress(config);
    return config;
  });
  seen.first = live.current;
  return live;
}

/** There is one road out of this API server. */
function refuseEgress({ jwt }: AuthenticationConfiguration): void {
  for (const { issuer } of jwt)
    if (issuer.egressSelectorType !== '')
      throw new ConfigError(
        `oidc: egress lookup required with egress selector type ${JSON.stringify(issuer.egressSelectorType)}`,
      );
}

function oidcConfig(flags: Flags): AuthenticationConfiguration {
  const url = flags.text('oidc-issuer-url');
  const claim = flags.text('oidc-username-claim');
  const given = flags.text('oidc-username-prefix');
  const otherwise = claim === 'email' ? '' : `${url}#`;
  const prefix = given === '-' ? '' : given || otherwise;
  const groups = flags.text('oidc-groups-claim');
  return {
    jwt: [
      {
        issuer: {
          url,
          discoveryURL: '',
          certificateAuthority: flags.file('oidc-ca-file') ?? '',
          audiences: [flags.text('oidc-client-id')],
          audienceMatchPolicy: '',
          egressSelectorType: '',
        },
        claimValidationRules: flags.list('oidc-required-claim').map((pair) => {
          const [name = '', ...value] = pair.split('=');
          if (value.length === 0)
            throw new UserError(
              `invalid argument ${JSON.stringify(pair)} for "--oidc-required-claim" flag: malformed pair, expect string=string`,
            );
          return { claim: name, requiredValue: value.join('='), expression: '', message: '' };
        }),
        claimMappings: {
          username: { claim, prefix, expression: '' },
          groups: {
            claim: groups,
            ...(groups === '' ? {} : { prefix: flags.text('oidc-groups-prefix') }),
            expression: '',
          },
          uid: { claim: '', expression: '' },
          extra: [],
        },
        userValidationRules: [],
      },
    ],
  };
}

function algorithmsOf(flags: Flags): string[] {
  const known: readonly string[] = JWT_ALGORITHMS;
  const algorithms = flags.list('oidc-signing-algs');
  for (const name of algorithms)
    if (!known.includes(name))
      throw new UserError(`oidc: unsupported signing alg: ${JSON.stringify(name)}`);
  return algorithms;
}

/** Where everything is allowed, requests of nobody are not let in. */
function anonymousOf(
  flags: Flags,
  config: AuthenticationConfiguration | undefined,
  { authorizers }: AuthorizationOptions,
): AnonymousConfig {
  if (config?.anonymous !== undefined) {
    if (flags.isGiven(ANONYMOUS_FLAG))
      throw new UserError(
        'anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
      );
    return config.anonymous;
  }
  const allowsAll = authorizers.current.some(({ type }) => type === 'AlwaysAllow');
  return { enabled: flags.isOn(ANONYMOUS_FLAG) && !allowsAll, conditions: [] };
}

function serviceAccountsOf(flags: Flags): ServiceAccountOptions {
  const max = Math.floor(flags.milliseconds('service-account-max-token-expiration') / 1000);
  if (max !== 0 && (max < HOUR_SECONDS || max > EXPIRATION_MAX_SECONDS))
    throw new UserError(
      'the service-account-max-token-expiration must be between 1 hour and 2^32 seconds',
    );
  const jwksUri = flags.text('service-account-jwks-uri');
  if (jwksUri !== '' && URL.parse(jwksUri)?.protocol !== 'https:')
    throw new UserError(`service-account-jwks-uri requires https scheme, parsed as: ${jwksUri}`);
  return {
    looksUp: flags.isOn('service-account-lookup'),
    extendsExpiration: flags.isOn('service-account-extend-token-expiration'),
    maxExpirationSeconds: max,
    ...(jwksUri === '' ? {} : { jwksUri }),
  };
}

function staticTokensOf(flags: Flags): { staticTokens?: StaticTokens } {
  const text = flags.file('token-auth-file');
  if (text === undefined) return {};
  const warn = (line: string): unknown => process.stderr.write(`${line}\n`);
  return { staticTokens: readStaticTokens(text, flags.text('token-auth-file'), warn) };
}

function webhookOf(flags: Flags): { webhook?: TokenWebhookOptions } {
  const path = flags.text('authentication-token-webhook-config-file');
  if (path === '') return {};
  const version = flags.text('authentication-token-webhook-version');
  if (version !== 'v1' && version !== 'v1beta1')
    throw new UserError(
      `unsupported authentication webhook version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
    );
  const cacheMs = flags.milliseconds('authentication-token-webhook-cache-ttl');
  return { webhook: { endpoint: reviewEndpoint(path), version, cacheMs } };
}
