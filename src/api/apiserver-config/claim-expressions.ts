/**
 * The expressions of an AuthenticationConfiguration: on the claims of a token, and on the user that
 * they make.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/authentication/cel/compile.go.
 */
import { ANY, BOOL, listType, mapType, STRING, structType } from '#cel/check/type.ts';
import { childrenOf, type Expr } from '#cel/syntax/ast.ts';
import type { FieldError, FieldPath } from '../meta/field.ts';
import { type ExpressionEnvironment, type ExpressionProgram, expressions } from './expressions.ts';

const STRINGS = listType(STRING);

let claims: ExpressionEnvironment | undefined;
let user: ExpressionEnvironment | undefined;

/** `isRule`: it must say yes or no; else anything goes, for nothing is known of claims. */
export function compileClaims(
  text: string,
  at: FieldPath,
  isRule: boolean,
): ExpressionProgram | FieldError {
  claims ??= expressions({ claims: mapType(STRING, ANY) }, {});
  return claims.compile(text, at, isRule ? [BOOL] : undefined);
}

export function compileUserRule(text: string, at: FieldPath): ExpressionProgram | FieldError {
  user ??= expressions(
    { user: structType('kubernetes.UserInfo') },
    {
      'kubernetes.UserInfo': {
        username: STRING,
        uid: STRING,
        groups: STRINGS,
        extra: mapType(STRING, STRINGS),
      },
    },
  );
  return user.compile(text, at, [BOOL]);
}

/** Whether the expression reads this claim by its name (`claims.email`, `claims.?email`). */
export function readsClaim(expr: Expr, claim: string): boolean {
  const isClaims = (operand: Expr | undefined): boolean =>
    operand?.kind === 'ident' && operand.name === 'claims';
  if (expr.kind === 'select' && isClaims(expr.operand) && expr.field === claim) return true;
  if (expr.kind === 'call' && expr.target === undefined && expr.name === '_?._') {
    const [operand, field] = expr.args;
    if (isClaims(operand) && field?.kind === 'literal' && field.value === claim) return true;
  }
  return childrenOf(expr).some((child) => readsClaim(child, claim));
}
