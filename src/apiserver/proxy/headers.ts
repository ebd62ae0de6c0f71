/**
 * Headers of a proxied request and its answer: those of one connection stay on it (RFC 9110, 7.6.1),
 * and who the client is stays between the client and this server.
 *
 * Source: Go's net/http/httputil ReverseProxy; upstream endpoints/filters/authentication.go for what
 * is taken off a request once its sender is known.
 */
import type { Headers } from '#base/http/message.ts';

const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const CREDENTIALS: ReadonlySet<string> = new Set([
  'authorization',
  'impersonate-group',
  'impersonate-uid',
  'impersonate-user',
  'x-remote-group',
  'x-remote-uid',
  'x-remote-user',
]);
const CREDENTIAL_PREFIXES = ['impersonate-extra-', 'x-remote-extra-'];
const BEARER_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** A backend may not say from which pages this server may be asked. */
const CORS: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

export function isUpgrade(headers: Headers): boolean {
  return /upgrade/i.test(headers['connection'] ?? '') && (headers['upgrade'] ?? '') !== '';
}

/** What a backend gets. `clientAddress` is added to `X-Forwarded-For`. */
export function requestHeaders(
  headers: Headers,
  clientAddress: string | undefined,
): Record<string, string> {
  const passed = isUpgrade(headers)
    ? { ...withoutConnection(headers), connection: 'Upgrade', upgrade: headers['upgrade'] ?? '' }
    : withoutConnection(headers);
  for (const name of Object.keys(passed)) if (isCredential(name)) delete passed[name];
  const protocols = passed['sec-websocket-protocol'];
  if (protocols !== undefined) {
    const kept = withoutToken(protocols);
    if (kept === '') delete passed['sec-websocket-protocol'];
    else passed['sec-websocket-protocol'] = kept;
  }
  if (clientAddress !== undefined) {
    const before = passed['x-forwarded-for'];
    passed['x-forwarded-for'] =
      before === undefined ? clientAddress : `${before}, ${clientAddress}`;
  }
  return passed;
}

/** What the client gets of a backend's answer. */
export function responseHeaders(headers: Headers): Record<string, string> {
  const passed = withoutConnection(headers);
  for (const name of CORS) delete passed[name];
  return passed;
}

function withoutConnection(headers: Headers): Record<string, string> {
  const named = (headers['connection'] ?? '').split(',').map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name) && !named.includes(name)),
  );
}

function isCredential(name: string): boolean {
  return CREDENTIALS.has(name) || CREDENTIAL_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function withoutToken(protocols: string): string {
  return protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(BEARER_PROTOCOL))
    .join(', ');
}
