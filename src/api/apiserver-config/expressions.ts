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
  /**
   * The program, or why there is none: `at` says where the text stands, `results` what may come
   * out; anything where it is absent.
   */
  compile(
    text: string,
    at: FieldPath,
    results: readonly Type[] | undefined,
  ): ExpressionProgram | FieldError;
}

/**
 * `objects`: the fields of the types that variables are of. `tellsType`: messages of a wrong result
 * say what it is.
 */
export function expressions(
  variables: Readonly<Record<string, Type>>,
  objects: Readonly<Record<string, Readonly<Record<string, Type>>>>,
  { tellsType = false }: { readonly tellsType?: boolean } = {},
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
  return { compile: (text, at, results) => compile(environment, { text, at, results, tellsType }) };
}

/** `found`: told where it is given. */
function wrongType(results: readonly Type[], found: Type | undefined): string {
  const wanted = `must evaluate to ${results.map(typeText).join(' or ')}`;
  return found === undefined ? wanted : `${wanted} but got ${typeText(found)}`;
}

interface Source {
  readonly text: string;
  readonly at: FieldPath;
  readonly results: readonly Type[] | undefined;
  readonly tellsType: boolean;
}

function compile(
  environment: Environment,
  { text, at, results, tellsType }: Source,
): ExpressionProgram | FieldError {
  const compiled = environment.compile(text);
  if ('issues' in compiled)
    return invalidValue(at, text, `compilation failed: ${compiled.message}`);
  const { checked, type } = compiled;
  if (results !== undefined && !results.some((each) => isSameType(each, type)))
    return invalidValue(at, text, wrongType(results, tellsType ? type : undefined));
  try {
    return { text, program: environment.program(checked), tree: checked.expr };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    const detail = `program instantiation failed: ${error.message}`;
    return new FieldError({ type: 'InternalError', field: at, detail });
  }
}
