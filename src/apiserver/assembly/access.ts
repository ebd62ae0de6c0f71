/** Who asks, and whether they may. */
import type { AuthenticationConfiguration } from '#api/apiserver-config/authentication-types.ts';
import type { Secret } from '#api/gen/core-v1.ts';
import { messageOf } from '#base/error.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { REQUEST_HEADERS, requestHeaderAuthenticator } from '../aggregator/identity.ts';
import {
  anonymousRule,
  certificateAuthenticator,
  componentAuthenticator,
  composeAuthenticators,
} from '../authn/authenticator.ts';
import { bootstrapTokens } from '../authn/bootstrap-tokens.ts';
import { Issuers } from '../authn/oidc/issuers.ts';
import { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import { serviceAccountTokens } from '../authn/service-account-users.ts';
import { staticUser } from '../authn/static-tokens.ts';
import {
  bearerAuthenticator,
  composeTokens,
  forOwnAudiences,
  type TokenAuthenticator,
} from '../authn/token-authenticator.ts';
import { cachedTokens } from '../authn/token-cache.ts';
import { webhookTokens } from '../authn/token-webhook.ts';
import type { AuthorizationChain } from '../authz/chain.ts';
import { serverIdentity } from '../bootstrap/identity-lease.ts';
import type { User } from '../context.ts';
import { ConfigMetrics } from '../metrics/config-metrics.ts';
import { IssuerMetrics } from '../metrics/issuer-metrics.ts';
import { TokenCacheMetrics } from '../metrics/token-cache-metrics.ts';
import { TokenMetrics } from '../metrics/token-metrics.ts';
import { createAuthorization } from './authorization.ts';
import type { ServerCore } from './core.ts';

/** How long it is known whom a foreign token stands for. */
const TOKEN_SUCCESS_MS = 10_000;
/** When a configuration is tried again whose issuers did not answer. */
const UPDATE_RETRY_MS = 60_000;

export interface Access extends AuthorizationChain {
  readonly tokens: ServiceAccountTokens;
  /** Whom a bearer token stands for. */
  readonly authenticateToken: TokenAuthenticator;
  /** Whether requests of nobody are let in at all. */
  readonly allowsAnonymous: boolean;
  /** `warn`: is told what the sender should know; `annotate`: what the audit event should. */
  authenticate(
    request: HttpRequest,
    warn?: (text: string) => void,
    annotate?: (key: string, value: string) => void,
  ): Promise<User>;
}

export function createAccess(core: ServerCore): Access {
  const { options, gates } = core;
  const { anonymous = { enabled: true, conditions: [] } } = options.authentication ?? {};
  const tokens = createTokens(core);
  const authenticateToken = createTokenAuthenticator(core, tokens);
  const requestHeaders = { ...REQUEST_HEADERS, ...options.frontProxy?.requestHeaders };
  return {
    tokens,
    authenticateToken,
    allowsAnonymous: anonymous.enabled,
    authenticate: composeAuthenticators(
      [
        componentAuthenticator(),
        requestHeaderAuthenticator(requestHeaders),
        certificateAuthenticator(gates.enabled('AllowParsingUserUIDFromCertAuth')),
        bearerAuthenticator(authenticateToken, tokens.audiences),
      ],
      anonymousRule(anonymous),
    ),
    ...createAuthorization(core),
  };
}

function createTokens({ options, environment }: ServerCore): ServiceAccountTokens {
  const { serviceAccountIssuer, serviceAccountKey, trustedServiceAccountKeys: trusted } = options;
  const { serviceAccounts = {}, apiAudiences = [] } = options.authentication ?? {};
  const { otherIssuers = [], ...promised } = serviceAccounts;
  return new ServiceAccountTokens({
    ...promised,
    issuers: [serviceAccountIssuer, ...otherIssuers],
    key: serviceAccountKey,
    ...(apiAudiences.length === 0 ? {} : { audiences: apiAudiences }),
    ...(trusted === undefined ? {} : { trustedKeys: trusted }),
    monotonicMs: () => environment.clock.monotonicMs(),
  });
}

/** Our own tokens first: who has to ask elsewhere is asked last. */
function createTokenAuthenticator(
  core: ServerCore,
  tokens: ServiceAccountTokens,
): TokenAuthenticator {
  const { options, environment, reader, metrics, webhookBackends: backends } = core;
  const { authentication = {} } = options;
  const { staticTokens, webhook, serviceAccounts } = authentication;
  const nowMs = (): number => environment.clock.now();
  const own = tokens.audiences;
  const authenticators: TokenAuthenticator[] = [];
  if (staticTokens !== undefined)
    authenticators.push(forOwnAudiences(own, (token) => staticUser(staticTokens, token)));
  authenticators.push(
    serviceAccountTokens({
      tokens,
      reader,
      nowMs,
      metrics: new TokenMetrics(metrics.registry),
      noteUse: (secret) => store(core, secret),
      looksUp: serviceAccounts?.looksUp !== false,
    }),
  );
  if (options.bootstrapTokens === true)
    authenticators.push(forOwnAudiences(own, bootstrapTokens(reader, nowMs)));
  const issuers = createIssuers(core, own);
  if (issuers !== undefined) authenticators.push(issuers);
  if (webhook !== undefined)
    authenticators.push(
      cachedTokens(webhookTokens(webhook, own, { environment, backends }), {
        environment,
        successMs: webhook.cacheMs,
        failureMs: webhook.cacheMs,
        keepsErrors: false,
        metrics: new TokenCacheMetrics(metrics.registry),
      }),
    );
  return composeTokens(authenticators);
}

/** Those of a configuration, as long as it holds. */
function createIssuers(
  core: ServerCore,
  ownAudiences: readonly string[],
): TokenAuthenticator | undefined {
  const { options, environment, backends, metrics, shutdown } = core;
  const { authentication = {}, hostname = 'localhost' } = options;
  const { config: live, signingAlgorithms } = authentication;
  if (live === undefined) return undefined;
  const { clock, log } = environment;
  const serverId = serverIdentity(hostname);
  const issuers = new Issuers(live.current.jwt, {
    environment,
    backends,
    ownAudiences,
    metrics: new IssuerMetrics(metrics.registry, clock, serverId),
    signal: shutdown.signal,
    ...(signingAlgorithms === undefined ? {} : { algorithms: signingAlgorithms }),
  });
  if (live.source !== '') {
    const { source } = live;
    const config = new ConfigMetrics(metrics.registry, 'authentication', {
      clock,
      serverId,
      source,
    });
    const apply = (value: AuthenticationConfiguration, text: string): void => {
      issuers.update(value.jwt).then(
        () => config.reloaded(text),
        (error: unknown) => {
          log.error('cannot use an authentication configuration', { error: messageOf(error) });
          config.failed();
          // Its issuers may answer later.
          environment.timers.after(UPDATE_RETRY_MS, () => {
            if (live.current === value && !shutdown.signal.aborted) apply(value, text);
          });
        },
      );
    };
    live.subscribe((change) => {
      if ('error' in change) config.failed();
      else apply(change.value, change.source);
    });
  }
  return cachedTokens(issuers.authenticate, {
    environment,
    successMs: TOKEN_SUCCESS_MS,
    failureMs: 0,
    keepsErrors: true,
    metrics: new TokenCacheMetrics(metrics.registry),
  });
}

/** Nobody waits for it: where it fails, the next use is noted. */
function store({ client, environment }: ServerCore, secret: Secret): void {
  const target = { group: '', version: 'v1', plural: 'secrets' };
  client.replace(target, secret).catch((error: unknown) => {
    environment.log.warn('cannot note the use of a token', { error: messageOf(error) });
  });
}
