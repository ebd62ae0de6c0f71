/** Addresses and ranges of Services (KEP-1880). Upstream: pkg/apis/networking/validation/validation.go. */
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.ts';
import { type FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';
import { parseCidr } from '../meta/ip.ts';
import { isPathSegmentName } from '../meta/names.ts';
import { segment, subdomain } from './common.ts';
import { validateCanonicalCidr, validateCanonicalIp } from './ip.ts';
import { IMMUTABLE, immutable, invalidAll } from './metadata.ts';

const CIDRS = fieldPath('spec').child('cidrs');
const PARENT = fieldPath('spec').child('parentRef');
const FAMILIES = 2;

/** The one form of an address: two names never mean the same address. */
export function nameIsIpAddress(name: string): string[] {
  return validateCanonicalIp(name, fieldPath('metadata')).map(({ detail }) => detail);
}

export function validateIpAddress({ spec }: IPAddress): FieldError[] {
  const parent = spec?.parentRef;
  if (parent === undefined) return [required(PARENT)];
  const { group = '', resource, name, namespace = '' } = parent;
  const where = PARENT.child('namespace');
  return [
    ...(group === '' ? [] : subdomain(group, PARENT.child('group'))),
    ...segment(resource, PARENT.child('resource')),
    ...segment(name, PARENT.child('name')),
    ...(namespace === '' ? [] : invalidAll(where, namespace, isPathSegmentName(namespace))),
  ];
}

export function validateIpAddressUpdate(next: IPAddress, old: IPAddress): FieldError[] {
  return immutable(
    next.spec?.parentRef,
    old.spec?.parentRef,
    PARENT,
    'io.k8s.api.networking.v1.ParentReference',
  );
}

export function validateServiceCidr({ spec }: ServiceCIDR): FieldError[] {
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required(CIDRS, 'at least one CIDR required')];
  if (cidrs.length > FAMILIES) return [invalidValue(CIDRS, spec, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, i) => validateCanonicalCidr(cidr, CIDRS.index(i)));
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (first !== undefined && first === second) {
    const detail =
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    errors.push(invalidValue(CIDRS, cidrs, detail));
  }
  return errors;
}

/** Ranges stay, but a range of the other family may join. */
export function validateServiceCidrUpdate(next: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const cidrs = next.spec?.cidrs ?? [];
  const before = old.spec?.cidrs ?? [];
  const joins = before.length === 1 && cidrs.length === FAMILIES;
  if (cidrs.length !== before.length && !joins)
    return [invalidValue(CIDRS, cidrs.length === 0 ? null : cidrs, IMMUTABLE)];
  const errors = before.flatMap((cidr, i) =>
    cidrs[i] === cidr ? [] : [invalidValue(CIDRS.index(i), cidrs[i], IMMUTABLE)],
  );
  return joins ? [...errors, ...validateServiceCidr(next)] : errors;
}
