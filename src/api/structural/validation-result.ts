/**
 * What the check of one value against one schema found, and how each finding is worded.
 *
 * Source: kube-openapi pkg/validation (errors/schema.go, validate/result.go) for texts and counts;
 * upstream v1.36 apiextensions-apiserver/pkg/apiserver/validation/validation.go for what they become.
 * `matches` counts passed checks: of the clauses of anyOf and oneOf, errors of the one that came
 * furthest are told.
 */
import {
  FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../meta/field.ts';
import type { Json } from '../meta/object.ts';
import type { Correlation } from './correlation.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** Checks a value within; `path`: from the place where validation began. */
export type CheckValue = (
  value: Json,
  schema: StructuralSchema,
  path: string,
  correlation?: Correlation,
) => ValidationResult;

/** Where a value is that has others in it, and what checks these. */
export interface Inside {
  readonly path: string;
  readonly correlation?: Correlation | undefined;
  readonly check: CheckValue;
}

export type FindingKind =
  | 'type'
  | 'required'
  | 'tooLong'
  | 'enum'
  | 'tooMany'
  | 'other'
  /** Says nothing of one field: reported at the place where validation began. */
  | 'general';

export interface Finding {
  readonly kind: FindingKind;
  /** Where, from the place at which validation began: `spec.a[0]`; may begin with a dot. */
  readonly path: string;
  readonly message: string;
  readonly value?: unknown;
  /** The bound that was passed. */
  readonly limit?: number;
  readonly allowed?: readonly unknown[];
}

export class ValidationResult {
  matches = 0;
  findings: Finding[] | undefined = undefined;

  get isValid(): boolean {
    return this.findings === undefined;
  }

  /** Each message once. */
  add(finding: Finding): void {
    this.findings ??= [];
    if (!this.findings.some(({ message }) => message === finding.message)) {
      this.findings.push(finding);
    }
  }

  merge(other: ValidationResult): void {
    this.matches += other.matches;
    for (const finding of other.findings ?? []) this.add(finding);
  }
}

export function typeFinding(path: string, type: string, found: string): Finding {
  const message = `${path} in body must be of type ${type}: ${JSON.stringify(found)}`;
  return { kind: 'type', path, message, value: found };
}

export function generalFinding(message: string): Finding {
  return { kind: 'general', path: '', message };
}

/** `at`: where validation began; undefined for whole objects. */
export function fieldErrorOf(finding: Finding, at: FieldPath | undefined): FieldError {
  const where = placeOf(finding, at);
  const value = finding.value ?? '';
  const limit = finding.limit ?? -1;
  switch (finding.kind) {
    case 'required':
      return required(where);
    case 'enum':
      return notSupported(where, finding.value ?? null, (finding.allowed ?? []).map(enumText));
    case 'tooLong':
      return tooLong(where, limit);
    case 'tooMany':
      return tooMany(where, Number(finding.value), limit);
    case 'type':
      return new FieldError({
        type: 'FieldValueTypeInvalid',
        field: where,
        value,
        detail: finding.message,
      });
    default:
      return invalidValue(where, value, finding.message);
  }
}

/** What Go prints for the path of an object itself. */
const NO_PATH = '<nil>';

function placeOf({ kind, path }: Finding, at: FieldPath | undefined): FieldPath | string {
  const name = path.startsWith('.') ? path.slice(1) : path;
  if (kind === 'general' || name === '') return at ?? NO_PATH;
  return at === undefined ? name : at.child(name);
}

function enumText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
