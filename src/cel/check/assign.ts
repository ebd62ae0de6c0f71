/**
 * Which type may stand where another is asked for, and what type parameters then are.
 *
 * Upstream: cel-go checker/types.go and checker/mapping.go, v0.26.
 */
import {
  DYN,
  isDyn,
  isDynOrError,
  isSameType,
  listType,
  mapType,
  opaqueType,
  parameter,
  type Type,
  typeType,
} from './type.ts';

/** What type parameters stand for, by their names. */
export class Substitutions {
  #types: Map<string, Type>;

  constructor(types: Map<string, Type> = new Map()) {
    this.#types = types;
  }

  find(type: Type): Type | undefined {
    return type.kind === 'param' ? this.#types.get(type.name) : undefined;
  }

  add(param: Type, type: Type): void {
    this.#types.set(param.name, type);
  }

  copy(): Substitutions {
    return new Substitutions(new Map(this.#types));
  }

  /** Takes over what was found out in a copy. */
  adopt(other: Substitutions): void {
    this.#types = other.#types;
  }

  get isEmpty(): boolean {
    return this.#types.size === 0;
  }
}

function isEqualOrLessSpecific(a: Type, b: Type): boolean {
  if (isDyn(a) || a.kind === 'param') return true;
  if (isDyn(b) || b.kind === 'param') return false;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'opaque':
      if (a.name !== b.name || a.parameters.length !== b.parameters.length) return false;
      return a.parameters.every((each, index) => isEqualOrLessSpecific(each, parameter(b, index)));
    case 'list':
    case 'map':
      return a.parameters.every((each, index) => isEqualOrLessSpecific(each, parameter(b, index)));
    case 'type':
      return true;
    default:
      return isSameType(a, b);
  }
}

/** The type that holds both; of null and what may be null the latter. */
export function mostGeneral(a: Type, b: Type): Type {
  if (b.kind === 'null' && a.kind !== 'null') return a;
  return isEqualOrLessSpecific(a, b) ? a : b;
}

const isNullable = (type: Type): boolean =>
  ['opaque', 'struct', 'duration', 'timestamp', 'null', 'dyn'].includes(type.kind);

function isNotWithin(known: Substitutions, param: Type, type: Type): boolean {
  if (isSameType(param, type)) return false;
  if (type.kind === 'param') {
    const stands = known.find(type);
    return stands === undefined || isNotWithin(known, param, stands);
  }
  return type.parameters.every((each) => isNotWithin(known, param, each));
}

/** Whether `param` may stand for `type`; undefined when it may not and had no meaning before. */
function substitute1(known: Substitutions, type: Type, param: Type): boolean | undefined {
  if (type.kind === param.kind && isSameType(type, param)) return true;
  const stands = known.find(param);
  if (stands !== undefined) {
    if (isSameType(type, stands)) return true;
    if (!isAssignableNow(known, type, stands)) return false;
    const general = mostGeneral(type, stands);
    if (isNotWithin(known, param, general)) known.add(param, general);
    return true;
  }
  if (!isNotWithin(known, param, type)) return undefined;
  known.add(param, type);
  return true;
}

/** A scalar or struct: the same, and a wrapper takes what it wraps. */
function isPlainAssignable(a: Type, b: Type): boolean {
  return a.kind === b.kind && a.name === b.name;
}

function isAssignableNow(known: Substitutions, a: Type, b: Type): boolean {
  if (b.kind === 'param') {
    const outcome = substitute1(known, a, b);
    if (outcome !== undefined) return outcome;
  }
  if (a.kind === 'param') return substitute1(known, b, a) === true;
  if (isDynOrError(a) || isDynOrError(b)) return true;
  if (a.kind === 'null') return isNullable(b);
  if (b.kind === 'null') return isNullable(a);
  switch (a.kind) {
    case 'type':
      return b.kind === 'type';
    case 'opaque':
    case 'list':
    case 'map':
      if (a.kind !== b.kind || a.name !== b.name) return false;
      return isListAssignableNow(known, a.parameters, b.parameters);
    default:
      return isPlainAssignable(a, b);
  }
}

function isListAssignableNow(
  known: Substitutions,
  a: readonly Type[],
  b: readonly Type[],
): boolean {
  if (a.length !== b.length) return false;
  return a.every((each, index) => isAssignableNow(known, each, b[index] ?? DYN));
}

/** Whether `a` and `b` agree; what that says of type parameters is kept only if they do. */
export function isAssignable(known: Substitutions, a: Type, b: Type): boolean {
  return isListAssignable(known, [a], [b]);
}

/** Types of which one certainly is not the other: no need to try. */
function isCertainlyOther(a: Type, b: Type): boolean {
  if (a.parameters.length > 0 || b.parameters.length > 0) return false;
  return a.kind !== b.kind && SCALARS.has(a.kind) && SCALARS.has(b.kind);
}

const SCALARS = new Set([
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'timestamp',
  'duration',
  'struct',
]);

export function isListAssignable(
  known: Substitutions,
  a: readonly Type[],
  b: readonly Type[],
): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) {
    if (isCertainlyOther(a[index] ?? DYN, b[index] ?? DYN)) return false;
  }
  const attempt = known.copy();
  if (!isListAssignableNow(attempt, a, b)) return false;
  known.adopt(attempt);
  return true;
}

/** The type with parameters replaced; with `toDyn` those that stand for nothing become dyn. */
export function substitute(known: Substitutions, type: Type, toDyn: boolean): Type {
  const stands = known.find(type);
  if (stands !== undefined) return substitute(known, stands, toDyn);
  if (type.kind === 'param') return toDyn ? DYN : type;
  if (type.parameters.length === 0) return type;
  const parameters = type.parameters.map((each) => substitute(known, each, toDyn));
  if (parameters.every((each, index) => each === type.parameters[index])) return type;
  const [first = DYN, second = DYN] = parameters;
  if (type.kind === 'list') return listType(first);
  if (type.kind === 'map') return mapType(first, second);
  return type.kind === 'type' ? typeType(first) : opaqueType(type.name, ...parameters);
}
