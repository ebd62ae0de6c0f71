/**
 * `AuthorizationConfiguration`: which authorizers there are, in their order.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1 (types.go, defaults.go)
 * and pkg/kubeapiserver/authorizer/config.go.
 */
import { parseDuration } from '../codec/duration.ts';
import { ConfigError } from '../component-config/error.ts';
import {
  always,
  BOOL,
  DURATION,
  list,
  object,
  pointer,
  STRING,
  TYPE_META,
} from '../component-config/fields.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type {
  AuthorizationConfiguration,
  AuthorizerConfiguration,
  FileFault,
  WebhookConfiguration,
} from './authorization-types.ts';
import { readStrictly, refuseAll, struct } from './kind.ts';
import { validateAuthorization } from './validate-authorization.ts';

const CONNECTION = struct('WebhookConnectionInfo', [
  always('type', STRING),
  pointer('kubeConfigFile', STRING),
]);
const MATCH_CONDITION = struct('WebhookMatchCondition', [always('expression', STRING)]);
const WEBHOOK = struct('WebhookConfiguration', [
  always('authorizedTTL', DURATION),
  pointer('cacheAuthorizedRequests', BOOL),
  always('unauthorizedTTL', DURATION),
  pointer('cacheUnauthorizedRequests', BOOL),
  always('timeout', DURATION),
  always('subjectAccessReviewVersion', STRING),
  always('matchConditionSubjectAccessReviewVersion', STRING),
  always('failurePolicy', STRING),
  always('connectionInfo', object(CONNECTION)),
  always('matchConditions', list(object(MATCH_CONDITION), '[]v1.WebhookMatchCondition')),
]);
const AUTHORIZER = struct('AuthorizerConfiguration', [
  always('type', STRING),
  always('name', STRING),
  pointer('webhook', object(WEBHOOK)),
]);
const CONFIGURATION = struct('AuthorizationConfiguration', [
  ...TYPE_META,
  always('authorizers', list(object(AUTHORIZER), '[]v1.AuthorizerConfiguration')),
]);
const SCHEME = 'pkg/apis/apiserver/load/load.go:32';

const MINUTE = 60e9;
const AUTHORIZED_TTL = 5 * MINUTE;
const UNAUTHORIZED_TTL = MINUTE / 2;

export interface AuthorizationLimits {
  readonly fileFault: FileFault;
  /** What was there at the start, but for webhooks, must stay. */
  readonly required?: readonly string[];
}

/** The content of a file, with defaults, validated. Throws ConfigError with upstream's words. */
export function readAuthorization(
  text: string,
  { fileFault, required = [] }: AuthorizationLimits,
): AuthorizationConfiguration {
  let config: AuthorizationConfiguration;
  try {
    config = decoded(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`failed to load AuthorizationConfiguration from file: ${error.message}`, {
      cause: error,
    });
  }
  refuseAll(validateAuthorization(config, fileFault));
  refuseAll([...misnamed(config), ...missing(config, required)]);
  return config;
}

function decoded(text: string): AuthorizationConfiguration {
  if (text === '') return { authorizers: [] };
  const { authorizers } = readStrictly(text, CONFIGURATION, SCHEME);
  return { authorizers: objects(authorizers).map(authorizerOf) };
}

function authorizerOf({ type, name, webhook }: JsonObject): AuthorizerConfiguration {
  const head = { type: text(type), name: text(name) };
  return webhook === undefined ? head : { ...head, webhook: withDefaults(webhook as JsonObject) };
}

function withDefaults(given: JsonObject): WebhookConfiguration {
  const connection = (given['connectionInfo'] ?? {}) as JsonObject;
  const path = connection['kubeConfigFile'];
  return {
    authorizedTtlNanos: nanos(given['authorizedTTL']) || AUTHORIZED_TTL,
    cacheAuthorizedRequests: given['cacheAuthorizedRequests'] !== false,
    unauthorizedTtlNanos: nanos(given['unauthorizedTTL']) || UNAUTHORIZED_TTL,
    cacheUnauthorizedRequests: given['cacheUnauthorizedRequests'] !== false,
    timeoutNanos: nanos(given['timeout']),
    subjectAccessReviewVersion: text(given['subjectAccessReviewVersion']),
    matchConditionSubjectAccessReviewVersion: text(
      given['matchConditionSubjectAccessReviewVersion'],
    ),
    failurePolicy: text(given['failurePolicy']),
    connectionInfo: {
      type: text(connection['type']),
      ...(path === undefined ? {} : { kubeConfigFile: text(path) }),
    },
    matchConditions: objects(given['matchConditions']).map(({ expression }) => ({
      expression: text(expression),
    })),
  };
}

function objects(value: Json | undefined): readonly JsonObject[] {
  return (value ?? []) as readonly JsonObject[];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function nanos(value: Json | undefined): number {
  return typeof value === 'string' ? parseDuration(value) : 0;
}

/** All but webhooks have the name that the flags give them. */
function misnamed({ authorizers }: AuthorizationConfiguration): string[] {
  return authorizers
    .filter(({ type, name }) => type !== 'Webhook' && name !== authorizerName(type))
    .map(
      ({ type, name }) =>
        `expected name ${authorizerName(type)} for authorizer ${type} instead of ${name}`,
    );
}

function missing({ authorizers }: AuthorizationConfiguration, wanted: readonly string[]): string[] {
  const types = new Set(authorizers.map(({ type }) => type));
  const lost = wanted.filter((type) => type !== 'Webhook' && !types.has(type)).toSorted();
  return lost.length === 0 ? [] : [`missing required types: [${lost.join(' ')}]`];
}

/** The name of an authorizer that the flags ask for. */
export function authorizerName(mode: string): string {
  return mode.toLowerCase();
}
