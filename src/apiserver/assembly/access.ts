/** Who asks, and whether they may. */
import type { Secret } from '#api/gen/core-v1.ts';
import { messageOf } from '#base/error.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { REQUEST_HEADERS, requestHeaderAuthenticator } from '../aggregator/identity.ts';
import {
  certificateAuthenticator,
  componentAuthenticator,
  composeAuthenticators,
} from '../authn/authenticator.ts';
import {
  type BootstrapTokens,
  bootstrapTokenAuthenticator,
  bootstrapTokens,
} from '../authn/bootstrap-tokens.ts';
import { ServiceAccountTokens, tokenAuthenticator } from '../authn/service-account-tokens.ts';
import type { AuthorizationChain } from '../authz/chain.ts';
import type { User } from '../context.ts';
import { createAuthorization } from './authorization.ts';
import type { ServerCore } from './core.ts';

export interface Access extends AuthorizationChain {
  readonly tokens: ServiceAccountTokens;
  /** Undefined where bootstrap tokens are worth nothing. */
  readonly bootstrapTokens: BootstrapTokens | undefined;
  /** `warn`: is told what the sender should know. */
  authenticate(request: HttpRequest, warn?: (text: string) => void): Promise<User>;
}

export function createAccess(core: ServerCore): Access {
  const { options, environment, gates, reader } = core;
  const { trustedServiceAccountKeys: trustedKeys } = options;
  const tokens = new ServiceAccountTokens({
    issuer: options.serviceAccountIssuer,
    audiences: [options.serviceAccountIssuer],
    key: options.serviceAccountKey,
    ...(trustedKeys === undefined ? {} : { trustedKeys }),
    noteUse: (secret) => store(core, secret),
  });
  const nowMs = (): number => environment.clock.now();
  const bootstrap = options.bootstrapTokens === true ? bootstrapTokens(reader, nowMs) : undefined;
  const requestHeaders = { ...REQUEST_HEADERS, ...options.frontProxy?.requestHeaders };
  return {
    tokens,
    bootstrapTokens: bootstrap,
    authenticate: composeAuthenticators([
      componentAuthenticator(),
      requestHeaderAuthenticator(requestHeaders),
      certificateAuthenticator(gates.enabled('AllowParsingUserUIDFromCertAuth')),
      ...(bootstrap === undefined ? [] : [bootstrapTokenAuthenticator(bootstrap)]),
      tokenAuthenticator(tokens, reader, nowMs),
    ]),
    ...createAuthorization(core),
  };
}

/** Nobody waits for it: where it fails, the next use is noted. */
function store({ client, environment }: ServerCore, secret: Secret): void {
  const target = { group: '', version: 'v1', plural: 'secrets' };
  client.replace(target, secret).catch((error: unknown) => {
    environment.log.warn('cannot note the use of a token', { error: messageOf(error) });
  });
}
