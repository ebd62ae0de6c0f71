/** Who asks, and whether they may. */
import type { HttpRequest } from '#base/http/message.ts';
import { REQUEST_HEADERS, requestHeaderAuthenticator } from '../aggregator/identity.ts';
import {
  certificateAuthenticator,
  componentAuthenticator,
  composeAuthenticators,
} from '../authn/authenticator.ts';
import { ServiceAccountTokens, tokenAuthenticator } from '../authn/service-account-tokens.ts';
import { type Authorizer, composeAuthorizers, mastersAuthorizer } from '../authz/authorizer.ts';
import { nodeAuthorizer } from '../authz/node.ts';
import { rbacAuthorizer } from '../authz/rbac.ts';
import type { User } from '../context.ts';
import type { ServerCore } from './core.ts';

export interface Access {
  readonly tokens: ServiceAccountTokens;
  readonly authorize: Authorizer;
  authenticate(request: HttpRequest): Promise<User>;
}

export function createAccess({ options, environment, gates, reader }: ServerCore): Access {
  const { trustedServiceAccountKeys: trustedKeys } = options;
  const tokens = new ServiceAccountTokens({
    issuer: options.serviceAccountIssuer,
    audiences: [options.serviceAccountIssuer],
    key: options.serviceAccountKey,
    ...(trustedKeys === undefined ? {} : { trustedKeys }),
  });
  const requestHeaders = { ...REQUEST_HEADERS, ...options.frontProxy?.requestHeaders };
  return {
    tokens,
    authenticate: composeAuthenticators([
      componentAuthenticator(),
      requestHeaderAuthenticator(requestHeaders),
      certificateAuthenticator(gates.enabled('AllowParsingUserUIDFromCertAuth')),
      tokenAuthenticator(tokens, reader, () => environment.clock.now()),
    ]),
    authorize: composeAuthorizers([
      mastersAuthorizer,
      nodeAuthorizer(reader),
      rbacAuthorizer(reader),
    ]),
  };
}
