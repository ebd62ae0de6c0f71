/** How to reach a webhook. Upstream: apiserver/pkg/util/webhook/validation.go. */
import type { WebhookClientConfig } from '#api/gen/admissionregistration-v1.ts';
import { type FieldError, type FieldPath, invalidValue, required } from '../meta/field.ts';
import { isDns1123Subdomain, isPortNumber } from '../meta/names.ts';
import { present } from './common.ts';

const FORM = '; desired format: https://host[/path]';

function validateUrl(text: string, at: FieldPath): FieldError[] {
  const url = URL.parse(text);
  const errors: FieldError[] = [];
  const bad = (value: string, detail: string): void => {
    errors.push(invalidValue(at, value, detail));
  };
  if (url === null) {
    const scheme = /^([a-zA-Z][-+.\w]*):/.exec(text)?.[1] ?? '';
    if (scheme !== 'https') bad(scheme, `'https' is the only allowed URL scheme${FORM}`);
    bad('', `host must be specified${FORM}`);
    return errors;
  }
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') bad(scheme, `'https' is the only allowed URL scheme${FORM}`);
  if (url.host === '') bad('', `host must be specified${FORM}`);
  if (url.username !== '' || url.password !== '') {
    const password = url.password === '' ? '' : `:${url.password}`;
    bad(`${url.username}${password}`, 'user information is not permitted in the URL');
  }
  if (url.hash !== '') bad(url.hash.slice(1), 'fragments are not permitted in the URL');
  if (url.search !== '') bad(url.search.slice(1), 'query parameters are not permitted in the URL');
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
