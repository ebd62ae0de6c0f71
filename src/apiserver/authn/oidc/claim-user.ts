/**
 * From the claims of a token that is good to the user that it stands for.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go.
 */
import type { JwtAuthenticatorConfig } from '#api/apiserver-config/authentication-types.ts';
import type { CompiledMappings, CompiledRule } from '#api/apiserver-config/claim-mapping.ts';
import { claimValue } from '#api/apiserver-config/claim-values.ts';
import type { ExpressionProgram } from '#api/apiserver-config/expressions.ts';
import { CelError, elementsOf, ListValue, type Value } from '#cel/value/value.ts';
import type { User } from '../../context.ts';
import type { TokenClaims } from './provider.ts';

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** Throws an error that says why the claims make no user, or one that is not let in. */
export function userOfClaims(
  config: JwtAuthenticatorConfig,
  compiled: CompiledMappings,
  claims: TokenClaims,
): User {
  const input = { claims: claimValue(claims) };
  const name = usernameOf(config, compiled, claims);
  const groups = groupsOf(config, compiled, claims);
  const uid = uidOf(config, compiled, claims);
  const extra = extraOf(compiled, claims);
  const user: User = {
    name,
    groups,
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
  for (const { claim, requiredValue } of config.claimValidationRules) {
    if (claim === '') continue;
    if (!Object.hasOwn(claims, claim))
      throw new Error(`oidc: required claim ${claim} not present in ID token`);
    const value = textClaim(claims, claim, `oidc: parse claim ${claim}`);
    if (value !== requiredValue)
      throw new Error(
        `oidc: required claim ${claim} value does not match. Got = ${value}, want = ${requiredValue}`,
      );
  }
  checkRules(compiled.claimRules, input, 'oidc: error evaluating claim validation expression');
  const { username, ...rest } = { username: name, uid, groups, extra };
  const about = { user: claimValue({ username, ...rest }) };
  checkRules(compiled.userRules, about, 'oidc: error evaluating user info validation rule');
  return user;
}

type Input = Readonly<Record<string, Value>>;

function evaluated({ program, text }: ExpressionProgram, input: Input): Value {
  const { value } = program.evaluate(input);
  if (value instanceof CelError)
    throw new Error(`expression '${text}' resulted in error: ${value.message}`);
  return value;
}

/** Runs `read`; what it throws gets `what` before it. */
function within<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(`${what}: ${error.message}`, { cause: error });
  }
}

function usernameOf(
  { claimMappings: { username } }: JwtAuthenticatorConfig,
  { username: program }: CompiledMappings,
  claims: TokenClaims,
): string {
  if (program !== undefined) {
    const what = 'oidc: error evaluating username claim expression';
    const value = within(what, () => evaluated(program, { claims: claimValue(claims) }));
    if (typeof value !== 'string')
      throw new Error(`${what}: username claim expression must return a string`);
    if (value === '') throw new Error('oidc: empty username via CEL expression is not allowed');
    return value;
  }
  const { claim, prefix = '' } = username;
  const name = textClaim(claims, claim, `oidc: parse username claims ${JSON.stringify(claim)}`);
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const { email_verified: isVerified } = claims;
    if (typeof isVerified !== 'boolean')
      throw new Error(
        `oidc: parse 'email_verified' claim: json: cannot unmarshal ${goTypeOf(isVerified)} into Go value of type bool`,
      );
    if (!isVerified) throw new Error('oidc: email not verified');
  }
  return `${prefix}${name}`;
}

function groupsOf(
  { claimMappings: { groups } }: JwtAuthenticatorConfig,
  { groups: program }: CompiledMappings,
  claims: TokenClaims,
): string[] {
  const { claim, prefix = '' } = groups;
  if (claim !== '' && Object.hasOwn(claims, claim)) {
    const value = claims[claim] ?? [];
    const names: unknown[] =
      typeof value === 'string' ? [value] : Array.isArray(value) ? value : [{}];
    const isText = (one: unknown): one is string => typeof one === 'string';
    if (!names.every(isText))
      throw new Error(
        `oidc: parse groups claim ${JSON.stringify(claim)}: json: cannot unmarshal ${goTypeOf(value)} into Go value of type string`,
      );
    return names.map((name) => `${prefix}${name}`);
  }
  if (program === undefined) return [];
  return within('oidc: error evaluating group claim expression', () =>
    textsOf(evaluated(program, { claims: claimValue(claims) })),
  );
}

function uidOf(
  { claimMappings: { uid } }: JwtAuthenticatorConfig,
  { uid: program }: CompiledMappings,
  claims: TokenClaims,
): string {
  if (uid.claim !== '')
    return textClaim(claims, uid.claim, `oidc: parse uid claim ${JSON.stringify(uid.claim)}`);
  if (program === undefined) return '';
  const what = 'oidc: error evaluating uid claim expression';
  const value = within(what, () => evaluated(program, { claims: claimValue(claims) }));
  if (typeof value === 'string') return value;
  throw new Error(`${what}: uid claim expression must return a string`);
}

function extraOf(
  { extra: mappings }: CompiledMappings,
  claims: TokenClaims,
): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  const { jti } = claims;
  if (typeof jti === 'string' && jti !== '') extra[CREDENTIAL_ID] = [`JTI=${jti}`];
  for (const { key, program } of mappings) {
    const value = evaluated(program, { claims: claimValue(claims) });
    const values = within(`oidc: error evaluating extra claim expression: ${program.text}`, () =>
      textsOf(value),
    );
    if (values.length > 0) extra[key] = values;
  }
  return extra;
}

/** A string, a list of them, or null; what is empty is not there. */
function textsOf(value: Value): string[] {
  const values = value instanceof ListValue ? [...elementsOf(value)] : [value];
  if (value === null) return [];
  return values.flatMap((one) => {
    if (typeof one !== 'string')
      throw new Error('expression must return a string or a list of strings');
    return one === '' ? [] : [one];
  });
}

function checkRules(rules: readonly CompiledRule[], input: Input, what: string): void {
  within(what, () => {
    const values = rules.map(({ program }) => evaluated(program, input));
    for (const [i, { program, message }] of rules.entries()) {
      const value = values[i];
      if (typeof value !== 'boolean')
        throw new Error('validation expression must return a boolean');
      if (!value) throw new Error(`validation expression '${program.text}' failed: ${message}`);
    }
  });
}

function textClaim(claims: TokenClaims, name: string, what: string): string {
  if (!Object.hasOwn(claims, name)) throw new Error(`${what}: claim not present`);
  const value = claims[name];
  if (typeof value === 'string') return value;
  if (value === null) return '';
  throw new Error(
    `${what}: json: cannot unmarshal ${goTypeOf(value)} into Go value of type string`,
  );
}

/** As Go's decoder of JSON names it. */
function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
