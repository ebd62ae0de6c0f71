/**
 * Clients for components in the API server's own process: the server's handler, with the identity
 * that the component would show a certificate or a token for. RBAC applies to them as to anybody.
 */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { RestClient } from './rest.ts';

export interface Identity {
  readonly name: string;
  readonly groups: readonly string[];
}

export function serviceAccountIdentity(namespace: string, name: string): Identity {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  };
}

export function nodeIdentity(name: string): Identity {
  return { name: `system:node:${name}`, groups: ['system:nodes'] };
}

/** The handler as `identity` uses it. */
function handlerAs(handler: Handler, identity: Identity): Handler {
  return (request) => handler({ ...request, peer: { component: identity } });
}

export function clientAs(
  handler: Handler,
  identity: Identity,
  options: {
    readonly environment: Environment;
    readonly userAgent: string;
    readonly signal?: AbortSignal;
  },
): RestClient {
  return new RestClient({ handler: handlerAs(handler, identity), isServer: true, ...options });
}
