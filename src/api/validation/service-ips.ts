/** Cluster IPs and IP families of Services. Upstream: pkg/apis/core/validation/validation.go. */
import type { ServiceSpec } from '#api/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { parseIp } from '../meta/ip.ts';
import { optionalOneOf } from './common.ts';
import { isDualStackPair, validateIp } from './ip.ts';

const SPEC = fieldPath('spec');
const IPS = SPEC.child('clusterIPs');
const FAMILIES = SPEC.child('ipFamilies');
const ONCE = 'may not change once set';

/** `clusterIP: None`: names of pods, no address of its own. */
export function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === 'None';
}

function validateFamilies({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
  const errors = ipFamilies.flatMap((family, i) => [
    ...(family === 'IPv4' || family === 'IPv6'
      ? []
      : [notSupported(FAMILIES.index(i), family, ['IPv4', 'IPv6'])]),
    ...(ipFamilies.indexOf(family) < i ? [duplicate(FAMILIES.index(i), family)] : []),
  ]);
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  return [...errors, ...optionalOneOf(ipFamilyPolicy, policies, SPEC.child('ipFamilyPolicy'))];
}

function validateAgreement({ clusterIP = '', clusterIPs = [] }: ServiceSpec): FieldError[] {
  if (clusterIP === '') {
    if (clusterIPs.length === 0) return [];
    return [invalidValue(IPS, clusterIPs, 'must be empty when `clusterIP` is not specified')];
  }
  if (clusterIPs.length === 0) return [required(IPS)];
  return clusterIPs[0] === clusterIP
    ? []
    : [invalidValue(IPS, clusterIPs, 'first value must match `clusterIP`')];
}

export function validateClusterIps(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIPs = [], ipFamilies = [] } = spec;
  const errors = [...validateAgreement(spec), ...validateFamilies(spec)];
  const bad: FieldError[] = [];
  for (const [i, ip] of clusterIPs.entries()) {
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length > 1)
        bad.push(invalidValue(IPS, clusterIPs, "'None' must be the first and only value"));
    } else bad.push(...validateIp(ip, IPS.index(i)));
  }
  errors.push(...bad);
  if (clusterIPs.length > 2)
    errors.push(invalidValue(IPS, clusterIPs, 'may only hold up to 2 values'));
  if (bad.length > 0) return errors;
  if (clusterIPs.length > 1 && !isDualStackPair(clusterIPs)) {
    errors.push(
      invalidValue(IPS, clusterIPs, 'may specify no more than one IP for each IP family'),
    );
  }
  if (isHeadless(spec)) return errors;
  for (const [i, ip] of clusterIPs.entries()) {
    const family = ipFamilies[i];
    const isKnown = family === 'IPv4' || family === 'IPv6';
    if (!isKnown || family === (parseIp(ip)?.family === 6 ? 'IPv6' : 'IPv4')) continue;
    errors.push(
      invalidValue(
        IPS.index(i),
        ip,
        `expected an ${family} value as indicated by \`ipFamilies[${i}]\``,
      ),
    );
  }
  return errors;
}

function validateAddressesUpdate(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  const after = next.clusterIPs ?? [];
  const before = old.clusterIPs ?? [];
  if (after.length === before.length) {
    return before.flatMap((ip, i) =>
      ip === after[i] ? [] : [invalidValue(IPS.index(i), after, ONCE)],
    );
  }
  const errors: FieldError[] = [];
  if (before.length > 0 && after.length > 0 && after[0] !== before[0]) {
    errors.push(invalidValue(IPS.index(0), after, ONCE));
  }
  if (after.length > before.length) return errors;
  if (after.length === 0)
    errors.push(invalidValue(IPS.index(0), after, 'primary clusterIP can not be unset'));
  if (after.length === 1 && next.ipFamilyPolicy !== 'SingleStack') {
    const detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    errors.push(invalidValue(SPEC.child('ipFamilyPolicy'), next.ipFamilyPolicy ?? null, detail));
  }
  return errors;
}

function validateFamiliesUpdate(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  const after = next.ipFamilies ?? [];
  const before = old.ipFamilies ?? [];
  if (after.length === before.length) {
    return before.flatMap((family, i) =>
      family === after[i] ? [] : [invalidValue(FAMILIES.index(0), after, ONCE)],
    );
  }
  const errors: FieldError[] = [];
  if (before.length > 0 && after.length > 0 && after[0] !== before[0]) {
    errors.push(invalidValue(FAMILIES.index(0), next.clusterIPs ?? [], ONCE));
  }
  if (after.length > before.length) return errors;
  if ((next.clusterIPs ?? []).length === 0) {
    errors.push(invalidValue(FAMILIES.index(0), after, 'primary ipFamily can not be unset'));
  }
  if (after.length === 1 && next.ipFamilyPolicy !== 'SingleStack') {
    const detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    errors.push(invalidValue(SPEC.child('ipFamilyPolicy'), next.ipFamilyPolicy ?? null, detail));
  }
  return errors;
}

/** The first address and family stay; the second may come and go. */
export function validateClusterIpsUpdate(next: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (next.type === 'ExternalName' || old.type === 'ExternalName') return [];
  const headless = isHeadless(next);
  const wasHeadless = isHeadless(old);
  const addresses = headless && wasHeadless ? [] : validateAddressesUpdate(next, old);
  return headless || wasHeadless ? addresses : [...addresses, ...validateFamiliesUpdate(next, old)];
}
