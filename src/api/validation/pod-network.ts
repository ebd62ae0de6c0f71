/** Names, DNS and ports of a pod. Upstream: pkg/apis/core/validation/validation.go. */
import type { HostAlias, PodDNSConfig, PodSpec } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
} from '../meta/field.ts';
import { isDns1123Subdomain, regexError } from '../meta/names.ts';
import { subdomain } from './common.ts';
import { validateIp } from './ip.ts';
import { invalidAll } from './metadata.ts';

/** Limits of the C library's resolver. */
const NAMESERVERS_MAX = 3;
const SEARCH_PATHS_MAX = 32;
const SEARCH_CHARACTERS_MAX = 2048;
const HOSTNAME_MAX = 64;

const SEARCH_LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SEARCH = `${SEARCH_LABEL}(\\.${SEARCH_LABEL})*`;
const SEARCH_ERROR = regexError(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  SEARCH,
  'example.com',
);

function validateSearches(searches: readonly string[], at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (searches.length > SEARCH_PATHS_MAX) {
    errors.push(
      invalidValue(at, searches, `must not have more than ${SEARCH_PATHS_MAX} search paths`),
    );
  }
  if (searches.join(' ').length > SEARCH_CHARACTERS_MAX) {
    const detail = `must not have more than ${SEARCH_CHARACTERS_MAX} characters (including spaces) in the search list`;
    errors.push(invalidValue(at, searches, detail));
  }
  for (const [i, text] of searches.entries()) {
    if (text === '.') continue;
    const search = text.replace(/\.$/, '');
    if (!new RegExp(`^${SEARCH}$`).test(search))
      errors.push(invalidValue(at.index(i), search, SEARCH_ERROR));
    else if (isDns1123Subdomain(search.replaceAll('_', 'a')).length > 0) {
      errors.push(...subdomain(search, at.index(i)));
    }
  }
  return errors;
}

export function validateDns(spec: PodSpec, at: FieldPath): FieldError[] {
  const config: PodDNSConfig | undefined = spec.dnsConfig;
  const servers = config?.nameservers ?? [];
  if (spec.dnsPolicy === 'None') {
    if (config === undefined)
      return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (servers.length === 0) {
      return [
        required(
          at.child('nameservers'),
          'must provide at least one DNS nameserver when `dnsPolicy` is None',
        ),
      ];
    }
  }
  if (config === undefined) return [];
  const errors: FieldError[] = [];
  if (servers.length > NAMESERVERS_MAX) {
    const detail = `must not have more than ${NAMESERVERS_MAX} nameservers`;
    errors.push(invalidValue(at.child('nameservers'), servers, detail));
  }
  errors.push(
    ...servers.flatMap((server, i) => validateIp(server, at.child('nameservers').index(i))),
  );
  errors.push(...validateSearches(config.searches ?? [], at.child('searches')));
  for (const [i, { name }] of (config.options ?? []).entries()) {
    if (!name) errors.push(required(at.child('options').index(i), 'must not be empty'));
  }
  return errors;
}

export function validateHostAliases(
  aliases: readonly HostAlias[] | undefined,
  at: FieldPath,
): FieldError[] {
  return (aliases ?? []).flatMap(({ ip = '', hostnames = [] }: Partial<HostAlias>, i) => [
    ...validateIp(ip, at.index(i).child('ip')),
    ...hostnames.flatMap((name, j) => subdomain(name, at.index(i).child('hostnames').index(j))),
  ]);
}

/** With the host's network a port of the container is a port of the host. */
export function validateHostNetwork(spec: PodSpec, at: FieldPath, isPod: boolean): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  const errors: FieldError[] = [];
  for (const [i, { ports }] of (spec.containers ?? []).entries()) {
    for (const [j, { hostPort = 0, containerPort }] of (ports ?? []).entries()) {
      if ((!isPod && hostPort === 0) || hostPort === containerPort) continue;
      const where = at.child('containers').index(i).child('ports').index(j).child('hostPort');
      errors.push(
        invalidValue(where, hostPort, 'must match `containerPort` when `hostNetwork` is true'),
      );
    }
  }
  return errors;
}

export function validateHostnameOverride(spec: PodSpec, at: FieldPath): FieldError[] {
  const name = spec.hostnameOverride;
  if (name === undefined) return [];
  const where = at.child('hostnameOverride');
  const errors: FieldError[] = [];
  if (spec.setHostnameAsFQDN === true) {
    errors.push(forbiddenField(where, 'may not be specified when setHostnameAsFQDN is true'));
  }
  if (spec.hostNetwork === true)
    errors.push(forbiddenField(where, 'may not be specified when hostNetwork is true'));
  if (name.length > HOSTNAME_MAX) errors.push(tooLong(where, HOSTNAME_MAX));
  return [...errors, ...invalidAll(where, name, isDns1123Subdomain(name))];
}
