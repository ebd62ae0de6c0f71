/**
 * Authentication: who sends this request?
 *
 * Each authenticator answers a user, or undefined (not mine: ask the next), or throws 401. The
 * order is the list in `composeAuthenticators`; who is known by none is anonymous.
 * Source: Kubernetes documentation, "Authenticating".
 */
import type { AnonymousConfig } from '#api/apiserver-config/authentication-types.ts';
import { StatusError } from '#api/meta/status.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { ANONYMOUS, AUTHENTICATED_GROUP, type User } from '../context.ts';

/** `warn`: is told what the sender should know; `annotate`: what the audit event should. */
export type Authenticator = (
  request: HttpRequest,
  warn: (text: string) => void,
  annotate?: (key: string, value: string) => void,
) => User | undefined | Promise<User | undefined>;

/** 401: the request says of nobody that they sent it, and nobody may not. */
export class NobodyError extends StatusError {
  constructor() {
    super({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
  }
}

/**
 * The first authenticator that knows the sender, with the group of all who are authenticated.
 * `allowsAnonymous`: whether a request of nobody is let in; 401 where it is not.
 */
export function composeAuthenticators(
  authenticators: readonly Authenticator[],
  allowsAnonymous: (request: HttpRequest) => boolean = () => true,
): (
  request: HttpRequest,
  warn?: (text: string) => void,
  annotate?: (key: string, value: string) => void,
) => Promise<User> {
  return async (request, warn = () => {}, annotate = () => {}) => {
    for (const authenticate of authenticators) {
      const user = await authenticate(request, warn, annotate);
      if (user === undefined) continue;
      if (user.groups.includes(AUTHENTICATED_GROUP) || user.name === ANONYMOUS.name) return user;
      return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
    }
    if (!allowsAnonymous(request)) throw new NobodyError();
    return ANONYMOUS;
  };
}

/** By configuration: nobody, everybody, or for some paths alone. */
export function anonymousRule({
  enabled,
  conditions,
}: AnonymousConfig): (request: HttpRequest) => boolean {
  const paths = new Set(conditions.map(({ path }) => path));
  if (!enabled || paths.size === 0) return () => enabled;
  return ({ url }) => paths.has(url.split('?', 1)[0] ?? '');
}

/** A component of the same process, named by the composition: no socket, no secret. */
export function componentAuthenticator(): Authenticator {
  return ({ peer }) =>
    peer?.component && { name: peer.component.name, groups: peer.component.groups };
}

/** By which the credential is found in the audit log. */
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

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
      ...(certificate.fingerprint === undefined
        ? {}
        : { extra: { [CREDENTIAL_ID]: [`X509SHA256=${certificate.fingerprint}`] } }),
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
