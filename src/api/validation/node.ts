/** Nodes. Upstream: pkg/apis/core/validation/validation.go (ValidateNode…). */
import type { Node, Taint } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { duplicate, FieldError, fieldPath, forbiddenField, invalidValue } from '../meta/field.ts';
import { parseCidr } from '../meta/ip.ts';
import { isLabelValue } from '../meta/names.ts';
import { oneOf, qualifiedName } from './common.ts';
import { validateCidr } from './ip.ts';
import { validateResourceQuantity } from './resource-names.ts';
import { TAINT_EFFECTS } from './scheduling.ts';
import { goForm } from '../schema/go-form.ts';

const SPEC = fieldPath('spec');
const STATUS = fieldPath('status');
const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

/** Upstream names the taints beside metadata. */
function validateTaints(taints: readonly Taint[] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, taint] of (taints ?? []).entries()) {
    const at = fieldPath('metadata').child('taints').index(i);
    const { value = '', effect } = taint;
    const key = taint.key ?? '';
    errors.push(...qualifiedName(key, at.child('key')));
    const messages = isLabelValue(value);
    if (messages.length > 0)
      errors.push(invalidValue(at.child('value'), value, messages.join(';')));
    errors.push(...oneOf(effect, TAINT_EFFECTS, at.child('effect')));
    const pair = `${effect}/${key}`;
    if (seen.has(pair)) {
      const detail = 'taints must be unique by key and effect pair';
      errors.push(
        new FieldError({
          type: 'FieldValueDuplicate',
          field: at,
          value: goForm('io.k8s.api.core.v1.Taint', taint),
          detail,
        }),
      );
    }
    seen.add(pair);
  }
  return errors;
}

function validateResources({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, value]) =>
      validateResourceQuantity(name, value, STATUS.child(list, name)),
    ),
  );
}

/** Upstream names it so. */
function validateSwap({ status }: Node): FieldError[] {
  const capacity = status?.nodeInfo?.swap?.capacity;
  if (capacity === undefined || capacity > 0) return [];
  const at = fieldPath('metadata').child('nodeSwapStatus', 'capacity');
  return [invalidValue(at, capacity, 'must be greater than zero')];
}

function validatePodCidrs(cidrs: readonly string[]): FieldError[] {
  const at = SPEC.child('podCIDRs');
  const errors = cidrs.flatMap((cidr, i) => validateCidr(cidr, at.index(i)));
  const families = new Set(cidrs.map((cidr) => parseCidr(cidr)?.family));
  const bad = cidrs.findIndex((cidr) => parseCidr(cidr) === undefined);
  if (cidrs.length > 1 && bad >= 0) {
    const cause = `invalid CIDR[${bad}]: <nil> (invalid CIDR address: ${cidrs[bad] ?? ''})`;
    const detail = `invalid PodCIDRs. failed to check with dual stack with error:${cause}`;
    errors.push(new FieldError({ type: 'InternalError', field: at, detail }));
    families.clear();
  }
  if (cidrs.length > 1 && (families.size < 2 || cidrs.length > 2)) {
    errors.push(invalidValue(at, cidrs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

function validateFeatures(features: readonly string[]): FieldError[] {
  const at = STATUS.child('declaredFeatures');
  return features.flatMap((name, i) => {
    const errors: FieldError[] = [];
    if (!FEATURE.test(name)) {
      const detail = `invalid feature name ${JSON.stringify(name)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`;
      errors.push(invalidValue(at.index(i), name, detail));
    }
    const previous = features[i - 1];
    if (previous === name) errors.push(duplicate(at.index(i), name));
    else if (previous !== undefined && previous > name) {
      errors.push(invalidValue(at.index(i), name, 'list must be sorted alphabetically'));
    }
    return errors;
  });
}

export function validateNode(node: Node): FieldError[] {
  return [
    ...validateTaints(node.spec?.taints),
    ...validateResources(node),
    ...validateSwap(node),
    ...validateFeatures(node.status?.declaredFeatures ?? []),
    ...validatePodCidrs(node.spec?.podCIDRs ?? []),
  ];
}

/** Of a node and of its status alike. */
export function validateNodeUpdate(next: Node, old: Node): FieldError[] {
  const addresses = next.status?.addresses ?? [];
  const errors = addresses.flatMap((address, i) =>
    addresses.slice(0, i).some((other) => equalValues(other, address))
      ? [
          duplicate(
            STATUS.child('addresses').index(i),
            goForm('io.k8s.api.core.v1.NodeAddress', address),
          ),
        ]
      : [],
  );
  errors.push(...validateResources(next), ...validateFeatures(next.status?.declaredFeatures ?? []));
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !equalValues(next.spec?.podCIDRs, before)) {
    const detail = 'node updates may not change podCIDR except from "" to valid';
    errors.push(forbiddenField(SPEC.child('podCIDRs'), detail));
  }
  if (old.spec?.providerID && old.spec.providerID !== next.spec?.providerID) {
    const detail = 'node updates may not change providerID except from "" to valid';
    errors.push(forbiddenField(SPEC.child('providerID'), detail));
  }
  if ((next.spec?.externalID ?? '') !== (old.spec?.externalID ?? ''))
    errors.push(forbiddenField(SPEC.child('externalID'), 'may not be updated'));
  return errors;
}
