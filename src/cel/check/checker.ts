/**
 * The type checker: what type each part of an expression has, what its names stand for, and which
 * overloads its calls may mean.
 *
 * Upstream: cel-go checker/checker.go and checker/errors.go, v0.26.
 */
import {
  type CallExpr,
  type ComprehensionExpr,
  type Expr,
  type ListExpr,
  type MapExpr,
  qualifiedName,
  type SelectExpr,
  type StructExpr,
} from '../syntax/ast.ts';
import type { ParsedTree } from '../syntax/parser.ts';
import { type Issue, NOWHERE } from '../syntax/source.ts';
import { Duration, ListValue, Timestamp, TypeValue, Uint, type Value } from '../value/value.ts';
import {
  isAssignable,
  isListAssignable,
  mostGeneral,
  substitute,
  Substitutions,
} from './assign.ts';
import { candidateNames, type Declarations, type Overload } from './declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DYN,
  DURATION,
  ERROR_TYPE,
  formatCall,
  formatType,
  INT,
  isDyn,
  isDynOrError,
  isSameType,
  listType,
  mapType,
  NULL_TYPE,
  optionalOf,
  optionalType,
  parameter,
  paramType,
  STRING,
  structType,
  TIMESTAMP,
  type Type,
  typeType,
  UINT,
} from './type.ts';

/** What a name stands for: a variable, or a type as a value. */
export interface IdentReference {
  readonly name: string;
  readonly value: TypeValue | undefined;
}

/** What a call may mean. */
export interface CallReference {
  readonly name: string;
  readonly overloads: readonly Overload[];
  /** Whether what looks like the target is part of the function's name. */
  readonly isNamespaced: boolean;
}

export interface CheckedTree {
  readonly tree: ParsedTree;
  readonly expr: Expr;
  /** Types by the id of the expression; every expression has one. */
  readonly types: ReadonlyMap<number, Type>;
  readonly idents: ReadonlyMap<number, IdentReference>;
  readonly calls: ReadonlyMap<number, CallReference>;
}

export type CheckOutcome = CheckedTree | { readonly issues: readonly Issue[] };

const LOGICAL = new Set(['_&&_', '_||_']);

function literalType(value: Value): Type {
  switch (typeof value) {
    case 'boolean':
      return BOOL;
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return STRING;
    default:
      break;
  }
  if (value instanceof Uint) return UINT;
  if (value instanceof Uint8Array) return BYTES;
  if (value instanceof Timestamp) return TIMESTAMP;
  if (value instanceof Duration) return DURATION;
  return value instanceof ListValue ? listType(DYN) : NULL_TYPE;
}

/** The type parameters of overloads: asked for again and again. */
const overloadParams = new WeakMap<Overload, ReadonlySet<string>>();

function paramsOfOverload(candidate: Overload): ReadonlySet<string> {
  const known = overloadParams.get(candidate);
  if (known !== undefined) return known;
  const names = paramsOf([...candidate.args, candidate.result]);
  overloadParams.set(candidate, names);
  return names;
}

/** The names of type parameters within types. */
function paramsOf(types: readonly Type[], found: Set<string> = new Set()): ReadonlySet<string> {
  for (const type of types) {
    if (type.kind === 'param') found.add(type.name);
    else if (type.parameters.length > 0) paramsOf(type.parameters, found);
  }
  return found;
}

class Checker {
  readonly #tree: ParsedTree;
  readonly #declarations: Declarations;
  readonly #known = new Substitutions();
  readonly #types = new Map<number, Type>();
  readonly #idents = new Map<number, IdentReference>();
  readonly #calls = new Map<number, CallReference>();
  readonly #issues: Issue[] = [];
  /** Variables of loops, innermost last. */
  readonly #scopes: Map<string, Type>[] = [];
  #freeParams = 0;

  constructor(tree: ParsedTree, declarations: Declarations) {
    this.#tree = tree;
    this.#declarations = declarations;
  }

  run(expr: Expr): CheckOutcome {
    this.#check(expr);
    if (this.#issues.length > 0) return { issues: this.#issues };
    const types = new Map<number, Type>();
    for (const [id, type] of this.#types) types.set(id, substitute(this.#known, type, true));
    return { tree: this.#tree, expr, types, idents: this.#idents, calls: this.#calls };
  }

  // Small helpers.

  #report(id: number, message: string): void {
    const offset = this.#tree.offsets[id];
    const place = offset === undefined ? NOWHERE : this.#tree.source.placeOf(offset);
    this.#issues.push({ place, message });
  }

  #mismatch(id: number, expected: Type, found: Type): void {
    this.#report(id, `expected type '${formatType(expected)}' but found '${formatType(found)}'`);
  }

  #undeclared(id: number, name: string): void {
    const { container } = this.#declarations;
    this.#report(id, `undeclared reference to '${name}' (in container '${container}')`);
  }

  #set(expr: Expr, type: Type): Type {
    this.#types.set(expr.id, type);
    return type;
  }

  #resolve(type: Type): Type {
    return substitute(this.#known, type, false);
  }

  #newParam(): Type {
    this.#freeParams += 1;
    return paramType(`_var${this.#freeParams - 1}`);
  }

  #lookUp(name: string): { readonly type: Type; readonly reference: IdentReference } | undefined {
    for (let index = this.#scopes.length - 1; index >= 0; index -= 1) {
      const type = this.#scopes[index]?.get(name);
      if (type !== undefined) return { type, reference: { name, value: undefined } };
    }
    const { container, variables, types, provider } = this.#declarations;
    for (const candidate of candidateNames(container, name)) {
      const variable = variables.get(candidate);
      if (variable !== undefined) {
        return { type: variable, reference: { name: candidate, value: undefined } };
      }
      const type =
        types.get(candidate) ?? (provider.hasStruct(candidate) ? structType(candidate) : undefined);
      if (type === undefined) continue;
      const value = new TypeValue(type.name);
      return { type: typeType(type), reference: { name: candidate, value } };
    }
    return undefined;
  }

  #functionOf(
    name: string,
  ): { readonly name: string; readonly overloads: readonly Overload[] } | undefined {
    const { container, functions } = this.#declarations;
    for (const candidate of candidateNames(container, name)) {
      const overloads = functions.get(candidate);
      if (overloads !== undefined) return { name: candidate, overloads };
    }
    return undefined;
  }

  // One method per kind of expression.

  #check(expr: Expr): Type {
    switch (expr.kind) {
      case 'literal':
        return this.#set(expr, literalType(expr.value));
      case 'ident':
        return this.#set(expr, this.#checkName(expr, expr.name));
      case 'select':
        return this.#set(expr, this.#checkSelect(expr));
      case 'call':
        return this.#set(expr, this.#checkCall(expr));
      case 'list':
        return this.#set(expr, this.#checkList(expr));
      case 'map':
        return this.#set(expr, this.#checkMap(expr));
      case 'struct':
        return this.#set(expr, this.#checkStruct(expr));
      case 'comprehension':
        return this.#set(expr, this.#checkLoop(expr));
    }
  }

  #checkName(expr: Expr, name: string): Type {
    const found = this.#lookUp(name);
    if (found === undefined) {
      this.#undeclared(expr.id, name);
      return ERROR_TYPE;
    }
    this.#idents.set(expr.id, found.reference);
    return found.type;
  }

  #checkSelect(expr: SelectExpr): Type {
    const name = qualifiedName(expr);
    const found = name === undefined ? undefined : this.#lookUp(name);
    if (found !== undefined) {
      this.#idents.set(expr.id, found.reference);
      return found.type;
    }
    const type = this.#checkField(expr.id, expr.operand, expr.field, false);
    return expr.isTest ? BOOL : this.#resolve(type);
  }

  #checkField(id: number, operand: Expr, field: string, isOptionalSelect: boolean): Type {
    const operandType = this.#resolve(this.#check(operand));
    const within = optionalOf(operandType);
    const type = this.#fieldOf(id, within ?? operandType, field);
    return within !== undefined || isOptionalSelect ? optionalType(type) : type;
  }

  #fieldOf(id: number, type: Type, field: string): Type {
    if (type.kind === 'map') return parameter(type, 1);
    if (type.kind === 'struct') return this.#structField(id, type.name, field);
    if (type.kind === 'param') {
      isAssignable(this.#known, DYN, type);
      return DYN;
    }
    if (!isDynOrError(type)) {
      this.#report(id, `type '${formatType(type)}' does not support field selection`);
    }
    return DYN;
  }

  #structField(id: number, struct: string, field: string): Type {
    const { provider } = this.#declarations;
    if (!provider.hasStruct(struct)) {
      this.#report(id, `unexpected failed resolution of '${struct}'`);
      return ERROR_TYPE;
    }
    const type = provider.fieldType(struct, field);
    if (type === undefined) this.#report(id, `undefined field '${field}'`);
    return type ?? ERROR_TYPE;
  }

  #checkCall(expr: CallExpr): Type {
    const { name, target, args } = expr;
    if (name === '_?._') return this.#checkOptionalSelect(expr);
    for (const arg of args) this.#check(arg);
    if (target === undefined) {
      const found = this.#functionOf(name);
      if (found !== undefined) return this.#resolveCall(expr, found, false);
      this.#undeclared(expr.id, name);
      return ERROR_TYPE;
    }
    const prefix = qualifiedName(target);
    const namespaced = prefix === undefined ? undefined : this.#functionOf(`${prefix}.${name}`);
    if (namespaced !== undefined) return this.#resolveCall(expr, namespaced, true);
    this.#check(target);
    const found = this.#functionOf(name);
    if (found !== undefined) return this.#resolveCall(expr, found, false);
    this.#undeclared(expr.id, name);
    return ERROR_TYPE;
  }

  #checkOptionalSelect(expr: CallExpr): Type {
    const [operand, field] = expr.args;
    if (operand === undefined || field?.kind !== 'literal' || typeof field.value !== 'string') {
      this.#report(expr.id, 'unsupported optional field selection');
      return ERROR_TYPE;
    }
    this.#check(field);
    const type = this.#checkField(expr.id, operand, field.value, true);
    const overloads = this.#declarations.functions.get('_?._') ?? [];
    this.#calls.set(expr.id, { name: '_?._', overloads, isNamespaced: false });
    return this.#resolve(type);
  }

  #resolveCall(
    expr: CallExpr,
    found: { readonly name: string; readonly overloads: readonly Overload[] },
    isNamespaced: boolean,
  ): Type {
    const target = isNamespaced ? undefined : expr.target;
    const isMember = target !== undefined;
    const given = isMember ? [target, ...expr.args] : expr.args;
    const types = given.map((each) => this.#types.get(each.id) ?? DYN);
    const candidates = found.overloads.filter((each) => each.isMember === isMember);
    if (LOGICAL.has(found.name)) return this.#resolveLogical(expr, found.name, candidates, types);
    const matching: Overload[] = [];
    let result: Type | undefined;
    for (const candidate of candidates) {
      const type = this.#match(candidate, types);
      if (type === undefined) continue;
      matching.push(candidate);
      if (result === undefined) result = type;
      else if (!isDyn(result) && !isSameType(result, type)) result = DYN;
    }
    if (result === undefined) {
      const shown = types.map((each) => substitute(this.#known, each, true));
      const signature = formatCall(shown, isMember);
      this.#report(
        expr.id,
        `found no matching overload for '${found.name}' applied to '${signature}'`,
      );
      return ERROR_TYPE;
    }
    this.#calls.set(expr.id, { name: found.name, overloads: matching, isNamespaced });
    return result;
  }

  #resolveLogical(
    expr: CallExpr,
    name: string,
    overloads: readonly Overload[],
    types: readonly Type[],
  ): Type {
    let isRight = true;
    for (const [index, type] of types.entries()) {
      if (isAssignable(this.#known, type, BOOL)) continue;
      this.#mismatch(expr.args[index]?.id ?? expr.id, BOOL, this.#resolve(type));
      isRight = false;
    }
    if (!isRight) return ERROR_TYPE;
    this.#calls.set(expr.id, { name, overloads, isNamespaced: false });
    return BOOL;
  }

  /** The type of the result if the overload fits, with type parameters of this one call. */
  #match(candidate: Overload, given: readonly Type[]): Type | undefined {
    let { args, result } = candidate;
    if (args.length !== given.length) return undefined;
    const names = paramsOfOverload(candidate);
    if (names.size > 0) {
      const fresh = new Substitutions();
      for (const name of names) fresh.add(paramType(name), this.#newParam());
      args = args.map((each) => substitute(fresh, each, false));
      result = substitute(fresh, result, false);
    }
    if (!isListAssignable(this.#known, given, args)) return undefined;
    return this.#resolve(result);
  }

  #unwrapOptional(expr: Expr, type: Type): Type {
    const within = optionalOf(type);
    if (within === undefined && !isDyn(type)) this.#mismatch(expr.id, optionalType(type), type);
    return within ?? type;
  }

  #checkList(expr: ListExpr): Type {
    let joined: Type | undefined;
    for (const [index, element] of expr.elements.entries()) {
      const type = this.#check(element);
      const taken = expr.optionals.has(index) ? this.#unwrapOptional(element, type) : type;
      joined = this.#join(joined, taken);
    }
    return listType(joined ?? this.#newParam());
  }

  #checkMap(expr: MapExpr): Type {
    let keys: Type | undefined;
    let values: Type | undefined;
    for (const { key, value, isOptional } of expr.entries) {
      keys = this.#join(keys, this.#check(key));
      const type = this.#check(value);
      values = this.#join(values, isOptional ? this.#unwrapOptional(value, type) : type);
    }
    return mapType(keys ?? this.#newParam(), values ?? this.#newParam());
  }

  #join(previous: Type | undefined, current: Type): Type {
    if (previous === undefined) return current;
    if (isAssignable(this.#known, previous, current)) return mostGeneral(previous, current);
    return DYN;
  }

  #checkStruct(expr: StructExpr): Type {
    const found = this.#lookUp(expr.typeName);
    if (found === undefined) {
      this.#undeclared(expr.id, expr.typeName);
      return ERROR_TYPE;
    }
    this.#idents.set(expr.id, found.reference);
    const type = found.type.kind === 'type' ? parameter(found.type, 0) : undefined;
    if (type === undefined) {
      this.#report(expr.id, `'${formatType(found.type)}' is not a type`);
      return ERROR_TYPE;
    }
    if (type.kind !== 'struct') {
      this.#report(expr.id, `'${type.name}' is not a message type`);
      return ERROR_TYPE;
    }
    for (const field of expr.fields) {
      const given = this.#check(field.value);
      const expected = this.#structField(field.id, type.name, field.name);
      const value = field.isOptional ? this.#unwrapOptional(field.value, given) : given;
      if (isAssignable(this.#known, expected, value)) continue;
      this.#report(
        field.id,
        `expected type of field '${field.name}' is '${formatType(expected)}' but provided type is '${formatType(this.#resolve(value))}'`,
      );
    }
    return type;
  }

  #checkLoop(expr: ComprehensionExpr): Type {
    const range = this.#resolve(this.#check(expr.range));
    const accumulator = this.#check(expr.init);
    this.#scopes.push(new Map([[expr.accumulator, accumulator]]));
    const [first, second] = this.#variablesOf(expr, range);
    const variables = new Map([[expr.variable, first]]);
    if (expr.variable2 !== undefined) variables.set(expr.variable2, second);
    this.#scopes.push(variables);
    this.#assert(expr.condition, BOOL);
    this.#assert(expr.step, accumulator);
    this.#scopes.pop();
    const result = this.#check(expr.result);
    this.#scopes.pop();
    return this.#resolve(result);
  }

  #variablesOf(expr: ComprehensionExpr, range: Type): readonly [Type, Type] {
    const hasTwo = expr.variable2 !== undefined;
    switch (range.kind) {
      case 'list':
        return hasTwo ? [INT, parameter(range, 0)] : [parameter(range, 0), DYN];
      case 'map':
        return [parameter(range, 0), parameter(range, 1)];
      case 'dyn':
      case 'error':
      case 'param':
        isAssignable(this.#known, DYN, range);
        return [DYN, DYN];
      default:
        this.#report(
          expr.range.id,
          `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [ERROR_TYPE, ERROR_TYPE];
    }
  }

  #assert(expr: Expr, expected: Type): void {
    const type = this.#check(expr);
    if (isAssignable(this.#known, expected, type)) return;
    this.#mismatch(expr.id, this.#resolve(expected), this.#resolve(type));
  }
}

/** Checks a parsed expression against what is declared. */
export function check(tree: ParsedTree, expr: Expr, declarations: Declarations): CheckOutcome {
  return new Checker(tree, declarations).run(expr);
}
