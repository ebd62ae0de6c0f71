/**
 * allOf, anyOf, oneOf and not.
 *
 * Source: kube-openapi pkg/validation/validate/schema_props.go: which errors of which clause are
 * told. Clauses know nothing of old values.
 */
import type { Json } from '../meta/object.ts';
import type { StructuralSchema } from './structural-schema.ts';
import { generalFinding, type Inside, ValidationResult } from './validation-result.ts';

export function validateClauses(
  value: Json,
  schema: StructuralSchema,
  inside: Inside,
): ValidationResult {
  const { path, check } = inside;
  const result = new ValidationResult();
  result.matches++;
  if (schema.value === undefined) return result;
  const { anyOf, oneOf, allOf, not } = schema.value;
  const quoted = JSON.stringify(path);
  if (anyOf !== undefined) checkAny(result, value, anyOf, inside);
  if (oneOf !== undefined) checkOne(result, value, oneOf, inside);
  if (allOf !== undefined) {
    const results = allOf.map((clause) => check(value, clause, path));
    for (const each of results) result.merge(each);
    const valid = results.filter((each) => each.isValid).length;
    if (valid < allOf.length) {
      const none = valid === 0 ? '. None validated' : '';
      result.add(generalFinding(`${quoted} must validate all the schemas (allOf)${none}`));
    }
  }
  if (not !== undefined && check(value, not, path).isValid) {
    result.add(generalFinding(`${quoted} must not validate the schema (not)`));
  }
  return result;
}

function better(best: ValidationResult | undefined, result: ValidationResult): ValidationResult {
  return best === undefined || result.matches > best.matches ? result : best;
}

function checkAny(
  result: ValidationResult,
  value: Json,
  clauses: readonly StructuralSchema[],
  { path, check }: Inside,
): void {
  let best: ValidationResult | undefined;
  for (const clause of clauses) {
    const each = check(value, clause, path);
    if (each.isValid) {
      result.merge(each);
      return;
    }
    best = better(best, each);
  }
  const quoted = JSON.stringify(path);
  result.add(generalFinding(`${quoted} must validate at least one schema (anyOf)`));
  if (best !== undefined) result.merge(best);
}

function checkOne(
  result: ValidationResult,
  value: Json,
  clauses: readonly StructuralSchema[],
  { path, check }: Inside,
): void {
  const results = clauses.map((clause) => check(value, clause, path));
  const valid = results.filter((each) => each.isValid);
  const [first] = valid;
  if (valid.length === 1 && first !== undefined) {
    result.merge(first);
    return;
  }
  const found =
    valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`;
  const quoted = JSON.stringify(path);
  result.add(generalFinding(`${quoted} must validate one and only one schema (oneOf). ${found}`));
  // Failures after the first success are not told; it wiped out those before it.
  const best =
    valid.length === 0
      ? results.reduce<ValidationResult | undefined>(better, undefined)
      : undefined;
  if (best !== undefined) result.merge(best);
}
