/**
 * URLs as Go reads them.
 *
 * Source: Go's net/url (`Parse`, `ParseRequestURI`), whose messages clients of upstream see. The
 * WHATWG parser of JavaScript accepts and changes what Go does not.
 */
export interface GoUrl {
  readonly scheme: string;
  /** With port and brackets. */
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly escapedPath: string;
  readonly query: string;
  readonly text: string;
}

/** The URL, or why the text is none. */
export type UrlOutcome = GoUrl | { readonly problem: string };

const quoted = (text: string): string => JSON.stringify(text);

/** A bad escape within a text, or undefined. */
function badEscape(text: string): string | undefined {
  for (const match of text.matchAll(/%/g)) {
    const escape = text.slice(match.index, match.index + 3);
    if (!/^%[0-9A-Fa-f]{2}$/.test(escape)) return `invalid URL escape ${quoted(escape)}`;
  }
  return undefined;
}

interface Scheme {
  readonly scheme: string;
  readonly rest: string;
}

function schemeOf(text: string): Scheme | { readonly problem: string } {
  if (text.startsWith(':')) return { problem: 'missing protocol scheme' };
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  if (match === null) return { scheme: '', rest: text };
  return { scheme: (match[1] ?? '').toLowerCase(), rest: text.slice(match[0].length) };
}

function portProblem(colonPort: string): string | undefined {
  if (colonPort === '' || /^:[0-9]*$/.test(colonPort)) return undefined;
  return `invalid port ${quoted(colonPort)} after host`;
}

/** What is wrong with a host and its port. */
function hostProblem(host: string): string | undefined {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    return end < 0 ? "missing ']' in host" : portProblem(host.slice(end + 1));
  }
  const colon = host.lastIndexOf(':');
  const port = colon < 0 ? undefined : portProblem(host.slice(colon));
  if (port !== undefined) return port;
  const escape = badEscape(host);
  if (escape !== undefined) return escape;
  const ascii = /%[0-7][0-9A-Fa-f]/.exec(host);
  if (ascii !== null && ascii[0] !== '%25') return `invalid URL escape ${quoted(ascii[0])}`;
  const wrong = /[^A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\u{10ffff}]/u.exec(host);
  return wrong === null ? undefined : `invalid character ${quoted(wrong[0])} in host name`;
}

function splitPort(host: string): { readonly hostname: string; readonly port: string } {
  const match = /^(.*):([0-9]*)$/s.exec(host);
  const hasPort = match !== null && !(host.startsWith('[') && host.endsWith(']'));
  const name = hasPort ? (match[1] ?? '') : host;
  const hostname = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  return { hostname, port: hasPort ? (match[2] ?? '') : '' };
}

const PLAIN_PATH = /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@/[\]]|%[0-9A-Fa-f]{2})*$/;

/** The path as it is when that is well escaped, else escaped anew. */
function escapePath(path: string): string {
  if (PLAIN_PATH.test(path)) return path;
  const bytes = path.replace(/%([0-9A-Fa-f]{2})|[^%]+/g, (part, hex: string | undefined) =>
    hex === undefined
      ? Buffer.from(part, 'utf8').toString('latin1')
      : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return bytes.replace(
    /[^A-Za-z0-9\-_.~$&+,/:;=@]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

const USER_INFO = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;

function parse(text: string, isRequest: boolean): UrlOutcome {
  if (/[\u0000-\u001f\u007f]/.test(text))
    return { problem: 'net/url: invalid control character in URL' };
  if (text === '' && isRequest) return { problem: 'empty url' };
  const split = schemeOf(text);
  if ('problem' in split) return split;
  const { scheme } = split;
  const mark = split.rest.indexOf('?');
  const query = mark < 0 ? '' : split.rest.slice(mark + 1);
  let path = mark < 0 ? split.rest : split.rest.slice(0, mark);
  let host = '';
  if (!path.startsWith('/')) {
    const opaque = { scheme, host, hostname: '', port: '', escapedPath: '', query, text };
    if (scheme !== '') return opaque;
    if (isRequest) return { problem: 'invalid URI for request' };
    if (/^[^/]*:/.test(path)) return { problem: 'first path segment in URL cannot contain colon' };
  }
  if ((scheme !== '' || (!isRequest && !path.startsWith('///'))) && path.startsWith('//')) {
    const slash = path.indexOf('/', 2);
    const authority = slash < 0 ? path.slice(2) : path.slice(2, slash);
    path = slash < 0 ? '' : path.slice(slash);
    const at = authority.lastIndexOf('@');
    host = authority.slice(at + 1);
    const problem = hostProblem(host);
    if (problem !== undefined) return { problem };
    if (at >= 0 && !USER_INFO.test(authority.slice(0, at)))
      return { problem: 'net/url: invalid userinfo' };
  }
  const problem = badEscape(path);
  if (problem !== undefined) return { problem };
  return { scheme, host, ...splitPort(host), escapedPath: escapePath(path), query, text };
}

/** What a client may request: an absolute URL or an absolute path. */
export function parseRequestUrl(text: string): UrlOutcome {
  const request = parse(text, true);
  const told = (problem: string): UrlOutcome => ({ problem: `parse ${quoted(text)}: ${problem}` });
  if ('problem' in request) return told(request.problem);
  const hash = text.indexOf('#');
  const whole = parse(hash < 0 ? text : text.slice(0, hash), false);
  return 'problem' in whole ? told(whole.problem) : { ...whole, text };
}

function unescapeQuery(text: string): string | undefined {
  if (badEscape(text) !== undefined) return undefined;
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})|[^%]+/g, (part, hex: string | undefined) =>
      hex === undefined
        ? Buffer.from(part, 'utf8').toString('latin1')
        : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The parameters of a query, in order; what is not well escaped is left out. */
export function queryOf(query: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const sign = pair.indexOf('=');
    const name = unescapeQuery(sign < 0 ? pair : pair.slice(0, sign));
    const value = unescapeQuery(sign < 0 ? '' : pair.slice(sign + 1));
    if (name === undefined || value === undefined) continue;
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  }
  return found;
}
