/** Leases. Upstream: pkg/apis/coordination/validation/validation.go. */
import type { Lease } from '#api/gen/coordination-v1.ts';
import {
  type FieldError,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
} from '../meta/field.ts';
import { qualifiedName } from './common.ts';
import { nonnegative } from './metadata.ts';

const SPEC = fieldPath('spec');
const STRATEGIES = ['OldestEmulationVersion'];

function validateStrategy(strategy: string): FieldError[] {
  // Upstream names the field twice.
  const at = SPEC.child('strategy', 'strategy');
  if (strategy.includes('/')) return qualifiedName(strategy, at);
  return STRATEGIES.includes(strategy) ? [] : [notSupported(at, strategy, STRATEGIES)];
}

export function validateLease({ spec }: Lease): FieldError[] {
  const {
    leaseDurationSeconds: duration,
    leaseTransitions,
    strategy,
    preferredHolder,
  } = spec ?? {};
  const errors: FieldError[] = [];
  if (duration !== undefined && duration <= 0) {
    errors.push(
      invalidValue(SPEC.child('leaseDurationSeconds'), duration, 'must be greater than 0'),
    );
  }
  errors.push(...nonnegative(leaseTransitions, SPEC.child('leaseTransitions')));
  if (strategy !== undefined) errors.push(...validateStrategy(strategy));
  if (preferredHolder && !strategy) {
    const detail = 'may only be specified if `strategy` is defined';
    errors.push(forbiddenField(SPEC.child('preferredHolder'), detail));
  }
  return errors;
}
