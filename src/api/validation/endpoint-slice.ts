/** EndpointSlices. Upstream: pkg/apis/discovery/validation/validation.go. */
import type {
  Endpoint,
  EndpointHints,
  EndpointPort,
  EndpointSlice,
  ForZone,
} from '#api/gen/discovery-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
  tooMany,
} from '../meta/field.ts';
import { parseIp } from '../meta/ip.ts';
import { isDns1123Label, isDns1123Subdomain, isLabelValue } from '../meta/names.ts';
import { validateEndpointIp } from './addresses.ts';
import { label, oneOf, pointerOneOf, present, qualifiedName, subdomain } from './common.ts';
import { validateCanonicalIp, validateIp } from './ip.ts';
import { immutable, invalidAll, validateLabels } from './metadata.ts';

const TOPOLOGY_MAX = 16;
const ADDRESSES_MAX = 100;
const PORTS_MAX = 20_000;
const ENDPOINTS_MAX = 1000;
const HINTS_MAX = 8;
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

/** A host name of at least two parts; a dot at its end is fine. */
function validateDomain(text: string, at: FieldPath): FieldError[] {
  if (text === '') return [required(at)];
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  const messages = isDns1123Subdomain(name);
  if (messages.length > 0) return [invalidValue(at, name, messages.join(','))];
  const parts = name.split('.');
  if (parts.length < 2) {
    const detail = 'should be a domain with at least two segments separated by dots';
    return [invalidValue(at, name, detail)];
  }
  for (const part of parts) {
    const bad = isDns1123Label(part);
    if (bad.length > 0) return [invalidValue(at, part, bad.join(','))];
  }
  return [];
}

function validateAddress(text: string, type: string, list: FieldPath, i: number): FieldError[] {
  const at = list.index(i);
  if (type === 'FQDN') return validateDomain(text, at);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const errors = type === 'IPv4' ? validateIp(text, at) : validateCanonicalIp(text, at);
  if (errors.length > 0) return errors;
  const family = type === 'IPv4' ? 4 : 6;
  if (parseIp(text)?.family !== family) {
    errors.push(invalidValue(list, text, `must be an ${type} address`));
  }
  return [...errors, ...validateEndpointIp(text, at)];
}

function validateAddresses(
  addresses: readonly string[],
  type: string,
  at: FieldPath,
): FieldError[] {
  const errors = present(addresses, at, 'must contain at least 1 address');
  if (addresses.length > ADDRESSES_MAX) errors.push(tooMany(at, addresses.length, ADDRESSES_MAX));
  return [...errors, ...addresses.flatMap((text, i) => validateAddress(text, type, at, i))];
}

type NameRule = (name: string) => string[];

function validateHintList(list: readonly ForZone[], rule: NameRule, at: FieldPath): FieldError[] {
  if (list.length > HINTS_MAX) return [tooMany(at, list.length, HINTS_MAX)];
  const seen = new Set<string>();
  return list.flatMap(({ name = '' }: Partial<ForZone>, i) => {
    const here = at.index(i).child('name');
    const errors = seen.has(name) ? [duplicate(here, name)] : [];
    seen.add(name);
    return [...errors, ...invalidAll(here, name, rule(name))];
  });
}

function validateHints(
  { forZones = [], forNodes = [] }: EndpointHints,
  at: FieldPath,
): FieldError[] {
  const zones = validateHintList(forZones, isLabelValue, at.child('forZones'));
  if (forZones.length > HINTS_MAX) return zones;
  return [...zones, ...validateHintList(forNodes, isDns1123Subdomain, at.child('forNodes'))];
}

function validateEndpoint(endpoint: Partial<Endpoint>, type: string, at: FieldPath): FieldError[] {
  const { addresses = [], nodeName, hostname, hints, deprecatedTopology = {} } = endpoint;
  const topology = at.child('deprecatedTopology');
  const count = Object.keys(deprecatedTopology).length;
  return [
    ...validateAddresses(addresses, type, at.child('addresses')),
    ...(nodeName === undefined ? [] : subdomain(nodeName, at.child('nodeName'))),
    ...(count > TOPOLOGY_MAX ? [tooMany(topology, count, TOPOLOGY_MAX)] : []),
    ...validateLabels(deprecatedTopology, topology),
    ...(hostname === undefined ? [] : label(hostname, at.child('hostname'))),
    ...(hints === undefined ? [] : validateHints(hints, at.child('hints'))),
  ];
}

function validateEndpointList({
  endpoints,
  addressType = '',
}: Partial<EndpointSlice>): FieldError[] {
  const at = fieldPath('endpoints');
  const list = endpoints ?? [];
  if (list.length > ENDPOINTS_MAX) return [tooMany(at, list.length, ENDPOINTS_MAX)];
  return list.flatMap((endpoint, i) => validateEndpoint(endpoint, addressType, at.index(i)));
}

function validatePorts(ports: readonly EndpointPort[]): FieldError[] {
  const at = fieldPath('ports');
  if (ports.length > PORTS_MAX) return [tooMany(at, ports.length, PORTS_MAX)];
  const seen = new Set<string>();
  return ports.flatMap(({ name = '', protocol, appProtocol }, i) => {
    const here = at.index(i);
    const errors = name === '' ? [] : label(name, here.child('name'));
    if (seen.has(name)) errors.push(duplicate(here.child('name'), name));
    seen.add(name);
    errors.push(...pointerOneOf(protocol, PROTOCOLS, here.child('protocol')));
    if (appProtocol === undefined) return errors;
    return [...errors, ...qualifiedName(appProtocol, here.child('appProtocol'))];
  });
}

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  return [
    ...oneOf(slice.addressType, ADDRESS_TYPES, fieldPath('addressType')),
    ...validatePorts(slice.ports ?? []),
  ];
}

export const validateEndpointSliceCreate = (slice: EndpointSlice): FieldError[] =>
  validateEndpointList(slice);

/** What older servers let in may stay as it is. */
export function validateEndpointSliceUpdate(next: EndpointSlice, old: EndpointSlice): FieldError[] {
  const errors = validateEndpointList(next);
  const kept = errors.length > 0 && equalValues(next.endpoints, old.endpoints);
  return [
    ...(kept ? [] : errors),
    ...immutable(next.addressType, old.addressType, fieldPath('addressType')),
  ];
}
