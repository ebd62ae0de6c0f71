/**
 * Who a request is from, as one API server tells it to another: in headers, which the other believes
 * because of the client certificate of the front proxy.
 *
 * Source: Kubernetes documentation, "Configure the aggregation layer"; upstream client-go
 * transport/round_trippers.go, apiserver authentication/request/headerrequest.
 */
import type { Headers, HttpRequest } from '#base/http/message.ts';
import { serviceUnavailable } from '#api/meta/status.ts';
import type { Authenticator } from '../authn/authenticator.ts';
import type { User } from '../context.ts';

/** Which headers are believed, and from whom. */
export interface RequestHeaderOptions {
  /** Common names of certificates of the front proxy's authority; any when empty. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** kubeadm's. */
export const REQUEST_HEADERS: RequestHeaderOptions = {
  allowedNames: ['front-proxy-client'],
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
};

const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Several values of one header are lines of its value. `prefix`: `impersonate` for whom one acts as.
 * Throws 503 for a name no header can hold.
 */
export function identityHeaders(
  { name, uid, groups, extra }: User,
  prefix: 'x-remote' | 'impersonate' = 'x-remote',
): Record<string, string> {
  const headers: Record<string, string> = { [`${prefix}-user`]: headerText([name]) };
  if (uid !== undefined && uid !== '') headers[`${prefix}-uid`] = headerText([uid]);
  if (groups.length > 0) headers[`${prefix}-group`] = headerText(groups);
  for (const [key, values] of Object.entries(extra ?? {}))
    if (values.length > 0)
      headers[`${prefix}-extra-${escapeKey(key).toLowerCase()}`] = headerText(values);
  return headers;
}

/** Header values are bytes; Node takes each character for one. */
function headerText(values: readonly string[]): string {
  if (values.some((value) => CONTROL.test(value)))
    throw serviceUnavailable(
      'the user cannot be named to the API server: it has control characters',
    );
  return values.map((value) => Buffer.from(value).toString('latin1')).join('\n');
}

/** As a header's name may be; whoever reads it takes the percent signs back. */
function escapeKey(key: string): string {
  return [...Buffer.from(key)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      const isPlain = /[!#$&'*+\-.^_`|~0-9A-Za-z]/.test(char);
      return isPlain ? char : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
    })
    .join('');
}

/** Whom a front proxy speaks for. Undefined for requests that come from none. */
export function requestHeaderAuthenticator(options: RequestHeaderOptions): Authenticator {
  return ({ peer, headers }: HttpRequest) => {
    const proxy = peer?.frontProxy;
    if (proxy === undefined) return undefined;
    const { allowedNames } = options;
    if (allowedNames.length > 0 && !allowedNames.includes(proxy.commonName)) return undefined;
    const name = firstOf(headers, options.usernameHeaders);
    if (name === '') return undefined;
    const uid = firstOf(headers, options.uidHeaders);
    const groups = options.groupHeaders.flatMap((header) => valuesOf(headers, header));
    const extra = extraOf(headers, options.extraHeaderPrefixes);
    return {
      name,
      groups,
      ...(uid === '' ? {} : { uid }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    };
  };
}

function valuesOf(headers: Headers, name: string): string[] {
  return (headers[name.toLowerCase()] ?? '')
    .split('\n')
    .map((value) => Buffer.from(value, 'latin1').toString())
    .filter((value) => value !== '');
}

function firstOf(headers: Headers, names: readonly string[]): string {
  return names.flatMap((name) => valuesOf(headers, name))[0] ?? '';
}

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, string[]> {
  const extra = new Map<string, string[]>();
  for (const prefix of prefixes.map((text) => text.toLowerCase())) {
    for (const header of Object.keys(headers)) {
      if (!header.startsWith(prefix)) continue;
      const key = unescapeKey(header.slice(prefix.length));
      extra.set(key, [...(extra.get(key) ?? []), ...valuesOf(headers, header)]);
    }
  }
  return Object.fromEntries(extra);
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
