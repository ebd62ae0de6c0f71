/** Helpers for tests of expressions. */
import type { Type } from './check/type.ts';
import { type CelEnvironment, celEnvironment } from './kubernetes.ts';
import { nativeOf } from './schema/native.ts';
import { CelError, type Value } from './value/value.ts';

export interface RunOptions {
  readonly environment?: CelEnvironment;
  readonly variables?: Readonly<Record<string, Value>>;
}

/** What an expression gives, as JSON; `error: …` and `compile: …` for what fails. */
export function run(source: string, { environment, variables = {} }: RunOptions = {}): unknown {
  const compiled = (environment ?? celEnvironment()).compile(source);
  if ('message' in compiled) return `compile: ${compiled.message.split('\n')[0]}`;
  const { value } = compiled.program.evaluate(variables);
  return value instanceof CelError ? `error: ${value.message}` : nativeOf(value);
}

export const withVariables = (variables: Readonly<Record<string, Type>>): CelEnvironment =>
  celEnvironment({ variables });
