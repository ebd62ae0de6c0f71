/** How to reach a webhook. Upstream: apiserver/pkg/util/webhook/validation.go. */
import type { WebhookClientConfig } from '#api/gen/admissionregistration-v1.ts';
import { type FieldError, type FieldPath, invalidValue, required } from '../meta/field.ts';
import { isDns1123Subdomain, isPortNumber } from '../meta/names.ts';
import { present } from './common.ts';

const FORM = '; desired format: https://host[/path]';

/** The parts of a URL as Go's url.Parse finds them, or why it refuses the text. */
interface GoUrl {
  readonly fault?: string;
  readonly scheme: string;
  readonly user: string;
  readonly host: string;
  readonly query: string;
  readonly fragment: string;
}

function parseUrl(text: string): GoUrl {
  const [whole, fragment] = splitOnce(text, '#');
  const colon = /^[a-zA-Z][-+.a-zA-Z0-9]*:/.exec(whole)?.[0] ?? '';
  const [rest, query] = splitOnce(whole.slice(colon.length), '?');
  const authority = /^\/\/(?!\/)([^/]*)/.exec(rest)?.[1] ?? '';
  const at = authority.lastIndexOf('@');
  const parts = {
    scheme: colon.slice(0, -1).toLowerCase(),
    user: authority.slice(0, Math.max(at, 0)),
    host: authority.slice(at + 1),
    query,
    fragment,
  };
  const fault = parseFault({ text, whole, rest, ...parts });
  return { ...parts, ...(fault === undefined ? {} : { fault }) };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function parseFault({
  text,
  whole,
  rest,
  scheme,
  host,
  fragment,
}: GoUrl & {
  readonly text: string;
  readonly whole: string;
  readonly rest: string;
}): string | undefined {
  if (/[\u0000-\u001F\u007F]/.test(text)) return 'net/url: invalid control character in URL';
  if (whole.startsWith(':')) return 'missing protocol scheme';
  if (scheme === '' && /^[^/]*:/.test(rest))
    return 'first path segment in URL cannot contain colon';
  const port = host.replace(/^\[[^\]]*\]/, '').replace(/^[^:]*/, '');
  if (!/^(:\d*)?$/.test(port)) return `invalid port ${JSON.stringify(port)} after host`;
  const character = /[ \\^`{|}]/.exec(host)?.[0];
  if (character !== undefined) return `invalid character ${JSON.stringify(character)} in host name`;
  // What has a scheme and no slash is opaque to Go: nothing in it is an escape.
  const path = scheme === '' || rest.startsWith('/') ? rest : '';
  const escape = BROKEN_ESCAPE.exec(path) ?? BROKEN_ESCAPE.exec(fragment);
  return escape === null ? undefined : `invalid URL escape ${JSON.stringify(escape[0])}`;
}

const BROKEN_ESCAPE = /%(?![0-9a-fA-F]{2}).{0,2}/s;

function validateUrl(text: string, at: FieldPath): FieldError[] {
  const { fault, scheme, user, host, query, fragment } = parseUrl(text);
  if (fault !== undefined) {
    const quoted = JSON.stringify(text).replace(/\\u00([01][0-9a-f])/g, '\\x$1');
    return [required(at, `url must be a valid URL: parse ${quoted}: ${fault}${FORM}`)];
  }
  const errors: FieldError[] = [];
  const bad = (value: string, detail: string): void => {
    errors.push(invalidValue(at, value, detail));
  };
  if (scheme !== 'https') bad(scheme, `'https' is the only allowed URL scheme${FORM}`);
  if (host === '') bad('', `host must be specified${FORM}`);
  if (user !== '') bad(user, 'user information is not permitted in the URL');
  if (fragment !== '') bad(fragment, 'fragments are not permitted in the URL');
  if (query !== '') bad(query, 'query parameters are not permitted in the URL');
  return errors;
}

function validatePath(path: string, at: FieldPath): FieldError[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalidValue(at, path, 'segment[0] may not be empty')];
  const errors = path.startsWith('/') ? [] : [invalidValue(at, path, "must start with a '/'")];
  const steps = path.slice(1).replace(/\/$/, '').split('/');
  for (const [i, step] of steps.entries()) {
    const messages = step === '' ? [] : isDns1123Subdomain(step);
    if (step === '') errors.push(invalidValue(at, path, `segment[${i}] may not be empty`));
    errors.push(...messages.map((message) => invalidValue(at, path, `segment[${i}]: ${message}`)));
  }
  return errors;
}

export function validateWebhookClient(
  config: WebhookClientConfig | undefined,
  at: FieldPath,
): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) {
    return [required(at, 'exactly one of url or service is required')];
  }
  if (service === undefined) return validateUrl(url ?? '', at.child('url'));
  const here = at.child('service');
  const { name, namespace, port = 0, path = '' } = service;
  const messages = isPortNumber(port);
  return [
    // Upstream gives its function the name where it takes the namespace, and the other way round.
    ...present(namespace, here.child('name')),
    ...present(name, here.child('namespace')),
    ...(messages.length === 0
      ? []
      : [invalidValue(here.child('port'), port, `port is not valid: ${messages.join(', ')}`)]),
    ...validatePath(path, here.child('path')),
  ];
}
