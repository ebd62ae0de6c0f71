/**
 * What an expression may name: functions with their overloads, variables, types.
 */
import type { Value } from '../value/value.ts';
import type { Type } from './type.ts';

/** One way to call a function. */
export interface Overload {
  /** Upstream's id: costs are told by it. */
  readonly id: string;
  /** The types of the arguments, that of the target first. */
  readonly args: readonly Type[];
  readonly result: Type;
  readonly isMember: boolean;
  /** Called with values of these types and never with an error. */
  readonly call: (...args: readonly Value[]) => Value;
  /** Takes values of other types too, and tells them apart itself. */
  readonly isUnguarded?: boolean;
}

/** Functions by name, each with all its overloads. */
export type Functions = ReadonlyMap<string, readonly Overload[]>;

/** A library: functions by name. */
export type FunctionTable = Readonly<Record<string, readonly Overload[]>>;

export const overload = (
  id: string,
  args: readonly Type[],
  result: Type,
  call: Overload['call'],
): Overload => ({ id, args, result, isMember: false, call });

export const member = (
  id: string,
  args: readonly Type[],
  result: Type,
  call: Overload['call'],
): Overload => ({ id, args, result, isMember: true, call });

/** All libraries as one; overloads of one name are those of all libraries that have it. */
export function mergeFunctions(tables: readonly FunctionTable[]): Functions {
  const functions = new Map<string, Overload[]>();
  for (const table of tables) {
    for (const [name, overloads] of Object.entries(table)) {
      const known = functions.get(name);
      if (known === undefined) functions.set(name, [...overloads]);
      else known.push(...overloads.filter((each) => known.every(({ id }) => id !== each.id)));
    }
  }
  return functions;
}

/** Types with fields, by name. */
export interface TypeProvider {
  /** Whether there is such a type. */
  readonly hasStruct: (name: string) => boolean;
  /** The type of a field, or undefined when the type has no such field. */
  readonly fieldType: (struct: string, field: string) => Type | undefined;
  /** Makes a value of the type; absent where values cannot be made. */
  readonly create?: (struct: string, fields: ReadonlyMap<string, Value>) => Value;
}

/** No types but CEL's own. */
export const NO_TYPES: TypeProvider = { hasStruct: () => false, fieldType: () => undefined };

/** Everything that the checker knows beside the expression. */
export interface Declarations {
  readonly functions: Functions;
  readonly variables: ReadonlyMap<string, Type>;
  /** Types by the names under which expressions know them: `int`, `net.IP`. */
  readonly types: ReadonlyMap<string, Type>;
  readonly provider: TypeProvider;
  /** The namespace in which names are looked up first: `a.b`. */
  readonly container: string;
}

/** The names that a name may stand for within a container, most specific first. */
export function candidateNames(container: string, name: string): readonly string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  if (container === '') return [name];
  const parts = container.split('.');
  const prefixes = parts.map((_, index) => parts.slice(0, parts.length - index).join('.'));
  return [...prefixes.map((prefix) => `${prefix}.${name}`), name];
}
