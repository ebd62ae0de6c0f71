/**
 * `AuthenticationConfiguration`: which issuers of tokens are believed, and who may come without.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types.go.
 */
import {
  always,
  BOOL,
  list,
  object,
  optional,
  pointer,
  STRING,
  TYPE_META,
} from '../component-config/fields.ts';
import { ConfigError } from '../component-config/error.ts';
import { forbiddenField } from '../meta/field.ts';
import { equalValues } from '../meta/equal.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type {
  AnonymousConfig,
  AuthenticationConfiguration,
  ClaimMappings,
  IssuerConfig,
  JwtAuthenticatorConfig,
  PrefixedClaim,
} from './authentication-types.ts';
import { readStrictly, refuseAll, struct } from './kind.ts';
import { validateAuthentication } from './validate-authentication.ts';

const CONDITION = struct('AnonymousAuthCondition', [always('path', STRING)]);
const ANONYMOUS = struct('AnonymousAuthConfig', [
  always('enabled', BOOL),
  optional('conditions', list(object(CONDITION), '[]v1.AnonymousAuthCondition')),
]);
const ISSUER = struct('Issuer', [
  always('url', STRING),
  pointer('discoveryURL', STRING),
  optional('certificateAuthority', STRING),
  always('audiences', list(STRING)),
  optional('audienceMatchPolicy', STRING),
  optional('egressSelectorType', STRING),
]);
const CLAIM_RULE = struct(
  'ClaimValidationRule',
  ['claim', 'requiredValue', 'expression', 'message'].map((name) => optional(name, STRING)),
);
const PREFIXED = struct('PrefixedClaimOrExpression', [
  optional('claim', STRING),
  pointer('prefix', STRING),
  optional('expression', STRING),
]);
const UNPREFIXED = struct('ClaimOrExpression', [
  optional('claim', STRING),
  optional('expression', STRING),
]);
const EXTRA = struct('ExtraMapping', [always('key', STRING), always('valueExpression', STRING)]);
const MAPPINGS = struct('ClaimMappings', [
  always('username', object(PREFIXED)),
  optional('groups', object(PREFIXED)),
  always('uid', object(UNPREFIXED)),
  optional('extra', list(object(EXTRA), '[]v1.ExtraMapping')),
]);
const USER_RULE = struct('UserValidationRule', [
  always('expression', STRING),
  optional('message', STRING),
]);
const JWT = struct('JWTAuthenticator', [
  always('issuer', object(ISSUER)),
  optional('claimValidationRules', list(object(CLAIM_RULE), '[]v1.ClaimValidationRule')),
  always('claimMappings', object(MAPPINGS)),
  optional('userValidationRules', list(object(USER_RULE), '[]v1.UserValidationRule')),
]);
const CONFIGURATION = struct('AuthenticationConfiguration', [
  ...TYPE_META,
  always('jwt', list(object(JWT), '[]v1.JWTAuthenticator')),
  pointer('anonymous', object(ANONYMOUS)),
]);
const SCHEME = 'pkg/kubeapiserver/options/authentication.go:879';

export interface AuthenticationLimits {
  /** Of service accounts: nobody else may have these. */
  readonly ownIssuers: readonly string[];
  /** What was said of anonymous requests at the start: it must stay. */
  readonly first?: AuthenticationConfiguration;
}

/** The content of a file, validated. Throws ConfigError with upstream's words. */
export function readAuthentication(
  text: string,
  { ownIssuers, first }: AuthenticationLimits,
): AuthenticationConfiguration {
  if (text === '') throw new ConfigError('empty config data');
  const { jwt, anonymous } = readStrictly(text, CONFIGURATION, SCHEME);
  const config = {
    jwt: objects(jwt).map(jwtOf),
    ...(anonymous === undefined ? {} : { anonymous: anonymousOf(anonymous as JsonObject) }),
  };
  const errors = validateAuthentication(config, ownIssuers);
  if (first !== undefined && !equalValues(first.anonymous, config.anonymous))
    errors.push(forbiddenField('anonymous', 'changed from initial configuration file'));
  refuseAll(errors);
  return config;
}

function anonymousOf({ enabled, conditions }: JsonObject): AnonymousConfig {
  return {
    enabled: enabled === true,
    conditions: objects(conditions).map(({ path }) => ({ path: text(path) })),
  };
}

function jwtOf(given: JsonObject): JwtAuthenticatorConfig {
  return {
    issuer: issuerOf((given['issuer'] ?? {}) as JsonObject),
    claimValidationRules: objects(given['claimValidationRules']).map((rule) => ({
      claim: text(rule['claim']),
      requiredValue: text(rule['requiredValue']),
      expression: text(rule['expression']),
      message: text(rule['message']),
    })),
    claimMappings: mappingsOf((given['claimMappings'] ?? {}) as JsonObject),
    userValidationRules: objects(given['userValidationRules']).map(({ expression, message }) => ({
      expression: text(expression),
      message: text(message),
    })),
  };
}

function issuerOf(given: JsonObject): IssuerConfig {
  return {
    url: text(given['url']),
    discoveryURL: text(given['discoveryURL']),
    certificateAuthority: text(given['certificateAuthority']),
    audiences: ((given['audiences'] ?? []) as readonly Json[]).map(text),
    audienceMatchPolicy: text(given['audienceMatchPolicy']),
    egressSelectorType: text(given['egressSelectorType']),
  };
}

function mappingsOf({ username, groups, uid, extra }: JsonObject): ClaimMappings {
  const { claim, expression } = (uid ?? {}) as JsonObject;
  return {
    username: prefixedOf(username),
    groups: prefixedOf(groups),
    uid: { claim: text(claim), expression: text(expression) },
    extra: objects(extra).map(({ key, valueExpression }) => ({
      key: text(key),
      valueExpression: text(valueExpression),
    })),
  };
}

function prefixedOf(given: Json | undefined): PrefixedClaim {
  const { claim, prefix, expression } = (given ?? {}) as JsonObject;
  return {
    claim: text(claim),
    ...(prefix === undefined ? {} : { prefix: text(prefix) }),
    expression: text(expression),
  };
}

function objects(value: Json | undefined): readonly JsonObject[] {
  return (value ?? []) as readonly JsonObject[];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
