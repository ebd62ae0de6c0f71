/**
 * Authentication: who sends this request?
 *
 * Each authenticator answers a user, or undefined (not mine: ask the next), or throws 401. The
 * order is the list in `composeAuthenticators`; who is known by none is anonymous.
 * Source: Kubernetes documentation, "Authenticating".
 */
import type { HttpRequest } from '#base/http/message.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP, type User } from '../context.ts';

/** `warn`: is told what the sender should know. */
export type Authenticator = (
  request: HttpRequest,
  warn: (text: string) => void,
) => User | undefined | Promise<User | undefined>;

/** The first authenticator that knows the sender, with the group of all who are authenticated. */
export function composeAuthenticators(
  authenticators: readonly Authenticator[],
): (request: HttpRequest, warn?: (text: string) => void) => Promise<User> {
  return async (request, warn = () => {}) => {
    for (const authenticate of authenticators) {
      const user = await authenticate(request, warn);
      if (user === undefined) continue;
      if (user.groups.includes(AUTHENTICATED_GROUP) || user.name === ANONYMOUS.name) return user;
      return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
    }
    return ANONYMOUS;
  };
}

/** A component of the same process, named by the composition: no socket, no secret. */
export function componentAuthenticator(): Authenticator {
  return ({ peer }) =>
    peer?.component && { name: peer.component.name, groups: peer.component.groups };
}

/**
 * A client certificate that the transport has verified: CN is the user, O are the groups.
 * `takesUid`: the gate AllowParsingUserUIDFromCertAuth.
 */
export function certificateAuthenticator(takesUid = true): Authenticator {
  return ({ peer }) => {
    const certificate = peer?.certificate;
    if (certificate === undefined || certificate.commonName === '') return undefined;
    return {
      name: certificate.commonName,
      groups: certificate.organizations,
      ...(certificate.uid === undefined || !takesUid ? {} : { uid: certificate.uid }),
    };
  };
}

/** The token of an `Authorization: Bearer` header, or of kubectl's WebSocket subprotocol. */
export function bearerToken(request: HttpRequest): string | undefined {
  const match = /^Bearer\s+(\S+)\s*$/i.exec(request.headers['authorization'] ?? '');
  if (match?.[1] !== undefined) return match[1];
  const PREFIX = 'base64url.bearer.authorization.k8s.io.';
  const protocol = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .find((name) => name.startsWith(PREFIX));
  return protocol === undefined
    ? undefined
    : Buffer.from(protocol.slice(PREFIX.length), 'base64url').toString();
}
