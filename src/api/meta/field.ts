/**
 * Field errors: what validation finds, each with a path, a type and the bad value.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/util/validation/field for types and wording.
 */
import { wasSent } from './json.ts';

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTooFew'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

const WORDS: Record<FieldErrorType, string> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTooFew: 'Too few',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
};

const WITHOUT_VALUE: ReadonlySet<FieldErrorType> = new Set<FieldErrorType>([
  'FieldValueRequired',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'InternalError',
]);

/** Where a field is: `spec.template.spec.containers[0].image`. Made cheaply, rendered on demand. */
export class FieldPath {
  readonly #parent: FieldPath | undefined;
  readonly #segment: string;
  constructor(parent: FieldPath | undefined, segment: string) {
    this.#parent = parent;
    this.#segment = segment;
  }
  child(...names: string[]): FieldPath {
    return names.reduce<FieldPath>(
      (at, name) => new FieldPath(at, at.#isRoot() ? name : `.${name}`),
      this,
    );
  }
  index(position: number): FieldPath {
    return new FieldPath(this, `[${position}]`);
  }
  key(name: string): FieldPath {
    return new FieldPath(this, `[${name}]`);
  }
  #isRoot(): boolean {
    return this.#parent === undefined && this.#segment === '';
  }
  toString(): string {
    return `${this.#parent?.toString() ?? ''}${this.#segment}`;
  }
}

/** The path of the object itself; `ROOT.child('spec')` is `spec`. */
export const ROOT = new FieldPath(undefined, '');

/** A path that starts with `name`. */
export function fieldPath(name: string): FieldPath {
  return ROOT.child(name);
}

/** The value of an error that does not show it, as it would be long. */
export const OMITTED: unique symbol = Symbol('omitted');

export class FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  readonly value: unknown;
  readonly detail: string;
  constructor(error: {
    type: FieldErrorType;
    field: FieldPath | string;
    value?: unknown;
    detail?: string;
  }) {
    this.type = error.type;
    this.field = String(error.field);
    this.value = error.value;
    this.detail = error.detail ?? '';
  }
  /** The message without its path, as `details.causes[].message` has it. */
  body(): string {
    const word = WORDS[this.type];
    const hasValue = !WITHOUT_VALUE.has(this.type) && this.value !== OMITTED;
    const head = hasValue ? `${word}: ${renderValue(this.value)}` : word;
    return this.detail === '' ? head : `${head}: ${this.detail}`;
  }
  text(): string {
    return `${this.field}: ${this.body()}`;
  }
}

/** As Go's `%#v` and JSON print it in upstream's messages: strings quoted, objects as JSON. */
function renderValue(value: unknown): string {
  if (value === undefined) return 'null';
  // A list that nobody sent is nil in Go.
  if (Array.isArray(value) && value.length === 0 && !wasSent(value)) return 'null';
  const text = JSON.stringify(value);
  return typeof value === 'object' ? escapeAsGo(text) : text;
}

/** What Go's JSON does not write as it is. */
const ESCAPED = /[<>&\u2028\u2029]/g;

/** JSON with what Go escapes besides. */
export function escapeAsGo(json: string): string {
  return json.replaceAll(
    ESCAPED,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

type At = FieldPath | string;

export const required = (field: At, detail = ''): FieldError =>
  new FieldError({ type: 'FieldValueRequired', field, detail });
export const invalidValue = (field: At, value: unknown, detail: string): FieldError =>
  new FieldError({ type: 'FieldValueInvalid', field, value, detail });
export const duplicate = (field: At, value: unknown): FieldError =>
  new FieldError({ type: 'FieldValueDuplicate', field, value });
export const notFoundValue = (field: At, value: unknown): FieldError =>
  new FieldError({ type: 'FieldValueNotFound', field, value });
export const forbiddenField = (field: At, detail: string): FieldError =>
  new FieldError({ type: 'FieldValueForbidden', field, detail });
/** `value` is not one of `supported`; upstream lists them quoted and sorted as given. */
export const notSupported = (field: At, value: unknown, supported: readonly string[]): FieldError =>
  new FieldError({
    type: 'FieldValueNotSupported',
    field,
    value,
    detail:
      supported.length === 0
        ? ''
        : `supported values: ${supported.map((name) => JSON.stringify(name)).join(', ')}`,
  });
export const tooLong = (field: At, maxLength: number): FieldError =>
  new FieldError({
    type: 'FieldValueTooLong',
    field,
    detail: maxLength < 0 ? 'value is too long' : `may not be more than ${maxLength} bytes`,
  });
export const tooMany = (field: At, actual: number, max: number): FieldError =>
  new FieldError({
    type: 'FieldValueTooMany',
    field,
    value: actual,
    detail: `must have at most ${max} item${max === 1 ? '' : 's'}`,
  });
