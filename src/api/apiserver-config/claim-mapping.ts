/**
 * From the claims of a token to a user, as a JWT authenticator is configured: compiled once.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go
 * (validateClaimMappings and its neighbours).
 */
import {
  duplicate,
  FieldError,
  type FieldPath,
  invalidValue,
  required,
  ROOT,
} from '../meta/field.ts';
import { validateDomainPath } from '../validation/common.ts';
import type {
  ClaimMappings,
  ClaimValidationRule,
  JwtAuthenticatorConfig,
  PrefixedClaim,
} from './authentication-types.ts';
import { compileClaims, compileUserRule, readsClaim } from './claim-expressions.ts';
import type { ExpressionProgram } from './expressions.ts';

export interface CompiledRule {
  readonly program: ExpressionProgram;
  readonly message: string;
}

/** The expressions of a JWT authenticator, as far as they are right. */
export interface CompiledMappings {
  readonly username?: ExpressionProgram;
  readonly groups?: ExpressionProgram;
  readonly uid?: ExpressionProgram;
  readonly extra: readonly { readonly key: string; readonly program: ExpressionProgram }[];
  readonly claimRules: readonly CompiledRule[];
  readonly userRules: readonly CompiledRule[];
}

/** `at`: of the authenticator. */
export function compileMappings(
  config: JwtAuthenticatorConfig,
  at: FieldPath = ROOT,
): { readonly compiled: CompiledMappings; readonly errors: readonly FieldError[] } {
  const compiler = new MappingCompiler();
  const claimRules = compiler.claimRules(
    config.claimValidationRules,
    at.child('claimValidationRules'),
  );
  const mappings = compiler.mappings(config.claimMappings, at.child('claimMappings'), claimRules);
  const userRules = compiler.userRules(config.userValidationRules, at.child('userValidationRules'));
  return { compiled: { ...mappings, claimRules, userRules }, errors: compiler.errors };
}

class MappingCompiler {
  readonly errors: FieldError[] = [];

  #taken(compiled: ExpressionProgram | FieldError): ExpressionProgram | undefined {
    if (!(compiled instanceof FieldError)) return compiled;
    this.errors.push(compiled);
    return undefined;
  }

  claimRules(rules: readonly ClaimValidationRule[], root: FieldPath): CompiledRule[] {
    const seen = new Set<string>();
    const isNew = (text: string, at: FieldPath): boolean => {
      if (seen.has(text)) this.errors.push(duplicate(at, text.slice(1)));
      return !seen.has(text) && seen.add(text).size > 0;
    };
    return rules.flatMap(({ claim, requiredValue, expression, message }, i) => {
      const at = root.index(i);
      if (claim !== '' && expression !== '') {
        this.errors.push(invalidValue(at, claim, "claim and expression can't both be set"));
      } else if (claim === '' && expression === '') {
        this.errors.push(required(at, 'claim or expression is required'));
      } else if (claim !== '') {
        if (message !== '')
          this.errors.push(
            invalidValue(at.child('message'), message, 'may not be specified when claim is set'),
          );
        isNew(`c${claim}`, at.child('claim'));
      } else {
        if (requiredValue !== '')
          this.errors.push(
            invalidValue(
              at.child('requiredValue'),
              requiredValue,
              'may not be specified when expression is set',
            ),
          );
        const where = at.child('expression');
        if (!isNew(`e${expression}`, where)) return [];
        const program = this.#taken(compileClaims(expression, where, true));
        return program === undefined ? [] : [{ program, message }];
      }
      return [];
    });
  }

  mappings(
    { username, groups, uid, extra }: ClaimMappings,
    at: FieldPath,
    claimRules: readonly CompiledRule[],
  ): Pick<CompiledMappings, 'username' | 'groups' | 'uid' | 'extra'> {
    const name = this.#prefixed(username, at.child('username'), true);
    const members = this.#prefixed(groups, at.child('groups'), false);
    const id = this.#uid(uid, at.child('uid'));
    const values = this.#extra(extra, at.child('extra'));
    const others = [...claimRules, ...values].map(({ program }) => program);
    const verifies = [...(name === undefined ? [] : [name]), ...others].some(({ tree }) =>
      readsClaim(tree, 'email_verified'),
    );
    if (name !== undefined && readsClaim(name.tree, 'email') && !verifies)
      this.errors.push(
        invalidValue(
          at.child('username', 'expression'),
          username.expression,
          'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression',
        ),
      );
    return {
      ...(name === undefined ? {} : { username: name }),
      ...(members === undefined ? {} : { groups: members }),
      ...(id === undefined ? {} : { uid: id }),
      extra: values,
    };
  }

  #prefixed(
    { claim, prefix, expression }: PrefixedClaim,
    at: FieldPath,
    isNeeded: boolean,
  ): ExpressionProgram | undefined {
    if (expression !== '' && claim !== '') {
      this.errors.push(invalidValue(at, '', "claim and expression can't both be set"));
      return undefined;
    }
    if (expression !== '') {
      if (prefix !== undefined)
        this.errors.push(
          invalidValue(at.child('prefix'), prefix, 'may not be specified when expression is set'),
        );
      return this.#taken(compileClaims(expression, at.child('expression'), false));
    }
    if (claim === '') {
      if (isNeeded) this.errors.push(required(at, 'claim or expression is required'));
    } else if (prefix === undefined)
      this.errors.push(
        required(
          at.child('prefix'),
          'prefix is required when claim is set. It can be set to an empty string to disable prefixing',
        ),
      );
    return undefined;
  }

  #uid({ claim, expression }: ClaimMappings['uid'], at: FieldPath): ExpressionProgram | undefined {
    if (expression === '') return undefined;
    if (claim === '') return this.#taken(compileClaims(expression, at.child('expression'), false));
    this.errors.push(invalidValue(at, '', "claim and expression can't both be set"));
    return undefined;
  }

  #extra(extra: ClaimMappings['extra'], root: FieldPath): CompiledMappings['extra'] {
    const seen = new Set<string>();
    return extra.flatMap(({ key, valueExpression }, i) => {
      const at = root.index(i);
      const where = at.child('key');
      this.errors.push(...validateDomainPath(key, where));
      if (key !== key.toLowerCase())
        this.errors.push(invalidValue(where, key, 'must be lowercase'));
      if (isOfKubernetes(key))
        this.errors.push(
          invalidValue(
            where,
            key,
            'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use',
          ),
        );
      if (seen.has(key)) {
        this.errors.push(duplicate(where, key));
        return [];
      }
      seen.add(key);
      const value = at.child('valueExpression');
      if (valueExpression === '') {
        this.errors.push(required(value));
        return [];
      }
      const program = this.#taken(compileClaims(valueExpression, value, false));
      return program === undefined ? [] : [{ key, program }];
    });
  }

  userRules(rules: JwtAuthenticatorConfig['userValidationRules'], root: FieldPath): CompiledRule[] {
    const seen = new Set<string>();
    return rules.flatMap(({ expression, message }, i) => {
      const at = root.index(i).child('expression');
      if (expression === '') {
        this.errors.push(required(at));
        return [];
      }
      if (seen.has(expression)) {
        this.errors.push(duplicate(at, expression));
        return [];
      }
      seen.add(expression);
      const program = this.#taken(compileUserRule(expression, at));
      return program === undefined ? [] : [{ program, message }];
    });
  }
}

function isOfKubernetes(key: string): boolean {
  const slash = key.indexOf('/');
  return slash >= 0 && /(?:^|\.)(?:kubernetes|k8s)\.io$/.test(key.slice(0, slash));
}
