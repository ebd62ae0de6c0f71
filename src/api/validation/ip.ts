/**
 * Validation of IP addresses and ranges.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/util/validation/ip.go. Older fields take
 * text that is not canonical; values that an object had before stay valid.
 */
import { type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';
import { formatCidr, formatIp, isMapped, parseCidr, parseIp } from '../meta/ip.ts';

/** Any valid address. `known`: values that are accepted whatever they are. */
export function validateIp(
  text: string,
  at: FieldPath,
  known: readonly string[] = [],
): FieldError[] {
  if (known.includes(text)) return [];
  const address = parseIp(text);
  if (address === undefined) {
    return [
      invalidValue(at, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
    ];
  }
  if (address.leadingZeros) return [invalidValue(at, text, 'must not have leading 0s')];
  return isMapped(address)
    ? [invalidValue(at, text, 'must not be an IPv4-mapped IPv6 address')]
    : [];
}

/** A valid address in its one canonical form. */
export function validateCanonicalIp(text: string, at: FieldPath): FieldError[] {
  const errors = validateIp(text, at);
  const address = parseIp(text);
  if (errors.length > 0 || address === undefined) return errors;
  const canonical = formatIp(address);
  return canonical === text
    ? []
    : [invalidValue(at, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** Any valid range. `known` as in `validateIp`. */
export function validateCidr(
  text: string,
  at: FieldPath,
  known: readonly string[] = [],
): FieldError[] {
  if (known.includes(text)) return [];
  const range = parseCidr(text);
  if (range === undefined) {
    return [
      invalidValue(at, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
    ];
  }
  if (range.leadingZeros) {
    return [invalidValue(at, text, 'must not have leading 0s in IP or prefix length')];
  }
  if (isMapped(range.address))
    return [invalidValue(at, text, 'must not have an IPv4-mapped IPv6 address')];
  return range.address.value === range.first
    ? []
    : [invalidValue(at, text, 'must not have bits set beyond the prefix length')];
}

/** A valid range in its one canonical form. */
export function validateCanonicalCidr(text: string, at: FieldPath): FieldError[] {
  const errors = validateCidr(text, at);
  const range = parseCidr(text);
  if (errors.length > 0 || range === undefined) return errors;
  const canonical = formatCidr(range);
  return canonical === text
    ? []
    : [invalidValue(at, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** One address of each family at most, two in all. */
export function isDualStackPair(addresses: readonly string[]): boolean {
  const families = addresses.map((text) => parseIp(text)?.family);
  return addresses.length === 2 && families.includes(4) && families.includes(6);
}
