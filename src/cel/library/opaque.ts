/**
 * Helpers for libraries whose functions take values of types of their own.
 */
import { type Overload, member } from '../check/declarations.ts';
import type { Type } from '../check/type.ts';
import { noSuchOverload, type OpaqueValue, type Value } from '../value/value.ts';

type Constructor<T extends OpaqueValue> = abstract new (...args: never[]) => T;

/** Methods of one type: the target is given as what it is. */
export function methodsOf<T extends OpaqueValue>(
  self: Constructor<T>,
  type: Type,
): (
  id: string,
  args: readonly Type[],
  result: Type,
  call: (target: T, ...args: readonly Value[]) => Value,
) => Overload {
  return (id, args, result, call) =>
    member(id, [type, ...args], result, (target, ...rest) =>
      target instanceof self ? call(target, ...rest) : noSuchOverload(),
    );
}

/** A text as Go's `%q` writes it. */
export const goQuoted = (text: string): string => JSON.stringify(text);
