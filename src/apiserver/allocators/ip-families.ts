/**
 * The address fields of a Service brought into agreement: clusterIP with clusterIPs, families with
 * addresses, the policy with both.
 *
 * Source: KEP-563; upstream pkg/registry/core/service/storage (alloc.go, storage.go).
 */
import type { IPFamily, Service, ServiceSpec } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, invalidValue } from '#api/meta/field.ts';
import { invalid } from '#api/meta/status.ts';
import { needsClusterIp } from '#api/core/service-types.ts';
import { validateClusterIps } from '#api/validation/service-ips.ts';
import { parseIp } from '#base/ip.ts';

export const HEADLESS = 'None';
const KIND = { group: '', kind: 'Service' };
const AT = fieldPath('spec');
const FAMILIES: readonly IPFamily[] = ['IPv4', 'IPv6'];

export interface FamilySettings {
  /** The families that the cluster has addresses of, the primary one first. */
  readonly families: readonly IPFamily[];
}

export function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIPs?.[0] === HEADLESS || spec.clusterIP === HEADLESS;
}

/** The addresses that a Service holds; headless ones have none. */
export function addressesOf(spec: ServiceSpec | undefined): readonly string[] {
  return spec !== undefined && needsClusterIp(spec) && !isHeadless(spec)
    ? (spec.clusterIPs ?? [])
    : [];
}

const same = (left: readonly string[] | undefined, right: readonly string[] | undefined): boolean =>
  (left ?? []).length === (right ?? []).length &&
  (left ?? []).every((value, i) => value === right?.[i]);

/** A client may set `clusterIP` alone; the server keeps both in step. */
export function normalizeClusterIps(next: ServiceSpec, old: ServiceSpec | undefined): void {
  if (!next.clusterIP) delete next.clusterIP;
  if ((next.clusterIPs ?? []).length === 0) delete next.clusterIPs;
  if (old === undefined) {
    if (next.clusterIP !== undefined && next.clusterIPs === undefined)
      next.clusterIPs = [next.clusterIP];
    return;
  }
  if (
    next.clusterIPs === undefined &&
    old.clusterIPs !== undefined &&
    old.clusterIP === next.clusterIP
  ) {
    next.clusterIPs = [...old.clusterIPs];
  }
  if (old.clusterIP === next.clusterIP || !same(old.clusterIPs, next.clusterIPs)) return;
  if (next.clusterIP === undefined) delete next.clusterIPs;
  else next.clusterIPs = [next.clusterIP];
}

/** A Service that prefers two families is not moved between one and two by itself. */
export function staysAsItIs(next: ServiceSpec, old: ServiceSpec | undefined): boolean {
  return (
    old !== undefined &&
    next.ipFamilyPolicy === 'PreferDualStack' &&
    (old.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
    next.type === old.type &&
    next.type !== 'ExternalName' &&
    same(old.clusterIPs, next.clusterIPs) &&
    same(old.ipFamilies, next.ipFamilies)
  );
}

/** Fills in ipFamilies and ipFamilyPolicy. Throws 422 when the cluster cannot do what is asked. */
export function initFamilyFields(
  service: Service,
  old: ServiceSpec | undefined,
  settings: FamilySettings,
): void {
  const spec = service.spec;
  if (spec === undefined || spec.type === 'ExternalName' || staysAsItIs(spec, old)) return;
  const name = service.metadata?.name ?? '';
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  const headlessSelectorless = spec.clusterIP === HEADLESS && selectorless;
  spec.ipFamilyPolicy ??=
    old?.ipFamilyPolicy ?? (headlessSelectorless ? 'RequireDualStack' : 'SingleStack');
  // Validation finds it again for other writers.
  refuse(name, validateClusterIps(spec));
  if (old !== undefined && spec.ipFamilyPolicy === 'SingleStack') dropSecondary(spec, old);
  refuse(name, [...policyErrors(spec, old), ...inferFamilies(spec, settings)]);
  if (!headlessSelectorless) refuse(name, clusterErrors(spec, settings));
  spec.ipFamilies =
    (spec.ipFamilies ?? []).length > 0 ? (spec.ipFamilies ?? []) : settings.families.slice(0, 1);
  const wantsTwo = spec.ipFamilyPolicy !== 'SingleStack' && spec.ipFamilies.length === 1;
  if (wantsTwo && (headlessSelectorless || settings.families.length === 2)) {
    spec.ipFamilies = [
      ...spec.ipFamilies,
      ...FAMILIES.filter((family) => !spec.ipFamilies?.includes(family)),
    ];
  }
}

function refuse(name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(KIND, name, errors);
}

/** `SingleStack` on a Service with two addresses means: give up the second. */
function dropSecondary(spec: ServiceSpec, old: ServiceSpec): void {
  if (same(old.clusterIPs, spec.clusterIPs) && spec.clusterIPs !== undefined)
    spec.clusterIPs = spec.clusterIPs.slice(0, 1);
  if (same(old.ipFamilies, spec.ipFamilies) && spec.ipFamilies !== undefined)
    spec.ipFamilies = spec.ipFamilies.slice(0, 1);
}

function familyOf(ip: string): IPFamily {
  return parseIp(ip)?.family === 6 ? 'IPv6' : 'IPv4';
}

function policyErrors(spec: ServiceSpec, old: ServiceSpec | undefined): FieldError[] {
  const at = AT.child('ipFamilyPolicy');
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const errors: FieldError[] = [];
  const add = (wrong: boolean, detail: string): void => {
    if (wrong) errors.push(invalidValue(at, ipFamilyPolicy, detail));
  };
  if (ipFamilyPolicy === 'SingleStack') {
    const must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
    add(clusterIPs.length === 2, `${must} cluster IPs are specified`);
    add(ipFamilies.length === 2, `${must} IP families are specified`);
  } else if (old !== undefined) {
    const fewer = (now: readonly string[], before: readonly string[] = []): boolean =>
      now.length > 0 && now.length < before.length;
    add(
      fewer(clusterIPs, old.clusterIPs),
      "must be 'SingleStack' to release the secondary cluster IP",
    );
    add(
      fewer(ipFamilies, old.ipFamilies),
      "must be 'SingleStack' to release the secondary IP family",
    );
  }
  return errors;
}

/** Families follow from the addresses that were asked for. */
function inferFamilies(spec: ServiceSpec, { families }: FamilySettings): FieldError[] {
  const { clusterIPs = [] } = spec;
  if (clusterIPs[0] === HEADLESS) return [];
  const errors: FieldError[] = [];
  for (const ip of clusterIPs.slice((spec.ipFamilies ?? []).length)) {
    const family = familyOf(ip);
    if (families.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else {
      const at = AT.child('clusterIPs').index(clusterIPs.indexOf(ip));
      errors.push(invalidValue(at, clusterIPs, `${family} is not configured on this cluster`));
    }
  }
  return errors;
}

function clusterErrors(spec: ServiceSpec, { families }: FamilySettings): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    const detail = 'this cluster is not configured for dual-stack services';
    errors.push(invalidValue(AT.child('ipFamilyPolicy'), spec.ipFamilyPolicy, detail));
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (families.includes(family)) continue;
    errors.push(
      invalidValue(AT.child('ipFamilies').index(index), family, 'not configured on this cluster'),
    );
  }
  return errors;
}
