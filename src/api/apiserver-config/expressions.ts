/**
 * The expressions in configuration files of the API server: one environment for each purpose.
 *
 * Files are read by this version alone, so that expressions may use all of it.
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/{authentication,authorization}/cel
 * (compile.go), and its validation for the kinds of errors.
 */
import { isSameType, type Type, typeText } from '#cel/check/type.ts';
import type { Program } from '#cel/eval/program.ts';
import { Environment } from '#cel/environment.ts';
import { PlanError } from '#cel/eval/planning.ts';
import { kubernetesOptions } from '#cel/kubernetes.ts';
import type { Expr } from '#cel/syntax/ast.ts';
import { FieldError, type FieldPath, invalidValue } from '../meta/field.ts';

export interface ExpressionProgram {
  readonly text: string;
  readonly program: Program;
  /** With macros written out. */
  readonly tree: Expr;
}

export interface ExpressionEnvironment {
  /** The program, or why there is none: `at` says where the text stands. */
  compile(text: string, at: FieldPath, results: readonly Type[]): ExpressionProgram | FieldError;
}

/** `objects`: the fields of the types that variables are of. */
export function expressions(
  variables: Readonly<Record<string, Type>>,
  objects: Readonly<Record<string, Readonly<Record<string, Type>>>>,
): ExpressionEnvironment {
  const environment = new Environment(
    kubernetesOptions({
      variables,
      provider: {
        hasStruct: (name) => Object.hasOwn(objects, name),
        fieldType: (name, field) => {
          const fields = objects[name];
          return fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
        },
      },
    }),
  );
  return { compile: (text, at, results) => compile(environment, { text, at, results }) };
}

interface Source {
  readonly text: string;
  readonly at: FieldPath;
  readonly results: readonly Type[];
}

function compile(
  environment: Environment,
  { text, at, results }: Source,
): ExpressionProgram | FieldError {
  const compiled = environment.compile(text);
  if ('issues' in compiled)
    return invalidValue(at, text, `compilation failed: ${compiled.message}`);
  const { checked, type } = compiled;
  if (!results.some((each) => isSameType(each, type))) {
    const [only, ...others] = results.map(typeText);
    const wanted =
      others.length === 0
        ? `${only} but got ${typeText(type)}`
        : `one of [${[only, ...others].join(' ')}]`;
    return invalidValue(at, text, `must evaluate to ${wanted}`);
  }
  try {
    return { text, program: environment.program(checked), tree: checked.expr };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    const detail = `program instantiation failed: ${error.message}`;
    return new FieldError({ type: 'InternalError', field: at, detail });
  }
}
