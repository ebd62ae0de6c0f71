/**
 * Who decides what may be done, by flags or by the file of an AuthorizationConfiguration.
 *
 * Source: upstream v1.36 pkg/kubeapiserver/options/authorization.go.
 */
import { authorizerName, readAuthorization } from '#api/apiserver-config/authorization.ts';
import {
  AUTHORIZATION_MODES,
  type AuthorizerConfiguration,
} from '#api/apiserver-config/authorization-types.ts';
import { AbacError, type AbacPolicy, readAbacPolicies } from '#apiserver/authz/abac.ts';
import type { AuthorizationOptions, ChosenAuthorizer } from '#apiserver/authz/chain.ts';
import { ConfigError } from '#api/component-config/error.ts';
import { constant } from '#base/live.ts';
import type { Flags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { AUTHORIZATION_FLAGS, type AuthorizationFlag } from './authorization-flags.ts';
import type { ConfigFiles } from './config-files.ts';
import { fileFault, reviewEndpoint } from './review-endpoint.ts';

const NANOS_PER_MS = 1e6;
const WEBHOOK_TIMEOUT_NANOS = 30e9;
const POLICY_FILE = 'authorization-policy-file';
const WEBHOOK_FILE = 'authorization-webhook-config-file';

/** Throws UserError with upstream's words. `files`: gets the file, which is followed. */
export function authorizationOptions(
  flags: Flags<AuthorizationFlag>,
  files: ConfigFiles,
): AuthorizationOptions {
  try {
    const path = flags.text('authorization-config');
    return path === '' ? byFlags(flags) : byFile(flags, path, files);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof AbacError)
      throw new UserError(error.message);
    throw error;
  }
}

function byFile(
  flags: Flags<AuthorizationFlag>,
  path: string,
  files: ConfigFiles,
): AuthorizationOptions {
  const others = Object.keys(AUTHORIZATION_FLAGS) as AuthorizationFlag[];
  if (others.some((name) => /-mode$|-webhook-/.test(name) && flags.isGiven(name)))
    throw new UserError(
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
    );
  // Those of the start must stay: the first text has no such rule.
  let required: readonly string[] = [];
  const authorizers = files.follow(path, (text) =>
    readAuthorization(text, { fileFault, required }).authorizers.map(chosen),
  );
  required = authorizers.current.map(({ type }) => type);
  return { authorizers, ...policiesOf(flags, required) };
}

function byFlags(flags: Flags<AuthorizationFlag>): AuthorizationOptions {
  const modes = flags.list('authorization-mode');
  checkModes(flags, modes);
  const authorizers = modes.map((type): ChosenAuthorizer => {
    if (type !== 'Webhook') return { type, name: authorizerName(type) };
    return chosen({ type, name: 'default', webhook: webhookOf(flags) });
  });
  return { authorizers: constant(authorizers), ...policiesOf(flags, modes) };
}

function checkModes(flags: Flags<AuthorizationFlag>, modes: readonly string[]): void {
  const known: readonly string[] = AUTHORIZATION_MODES;
  const errors: string[] = [];
  if (modes.length === 0) errors.push('at least one authorization-mode must be passed');
  for (const mode of modes) {
    if (!known.includes(mode))
      errors.push(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`);
    if (mode === 'ABAC' && flags.text(POLICY_FILE) === '')
      errors.push("authorization-mode ABAC's authorization policy file not passed");
    if (mode === 'Webhook' && flags.text(WEBHOOK_FILE) === '')
      errors.push("authorization-mode Webhook's authorization config file not passed");
  }
  if (flags.text(POLICY_FILE) !== '' && !modes.includes('ABAC'))
    errors.push(`cannot specify --${POLICY_FILE} without mode ABAC`);
  if (flags.text(WEBHOOK_FILE) !== '' && !modes.includes('Webhook'))
    errors.push(`cannot specify --${WEBHOOK_FILE} without mode Webhook`);
  if (new Set(modes).size !== modes.length) {
    const shown = modes.map((mode) => JSON.stringify(mode)).join(' ');
    errors.push(`authorization-mode [${shown}] has mode specified more than once`);
  }
  if (errors.length > 0) throw new UserError(errors.join('\n'));
}

function webhookOf(flags: Flags<AuthorizationFlag>): AuthorizerConfiguration['webhook'] & object {
  const version = flags.text('authorization-webhook-version');
  if (version !== 'v1' && version !== 'v1beta1')
    throw new UserError(
      `unsupported webhook authorizer version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
    );
  const authorized = flags.milliseconds('authorization-webhook-cache-authorized-ttl');
  const unauthorized = flags.milliseconds('authorization-webhook-cache-unauthorized-ttl');
  return {
    authorizedTtlNanos: authorized * NANOS_PER_MS,
    cacheAuthorizedRequests: authorized !== 0,
    unauthorizedTtlNanos: unauthorized * NANOS_PER_MS,
    cacheUnauthorizedRequests: unauthorized !== 0,
    timeoutNanos: WEBHOOK_TIMEOUT_NANOS,
    failurePolicy: 'NoOpinion',
    subjectAccessReviewVersion: version,
    matchConditionSubjectAccessReviewVersion: '',
    matchConditions: [],
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: flags.text(WEBHOOK_FILE) },
  };
}

/** With the road to its webhook. */
function chosen(authorizer: AuthorizerConfiguration): ChosenAuthorizer {
  const { name, webhook } = authorizer;
  if (webhook === undefined) return authorizer;
  const { type, kubeConfigFile = '' } = webhook.connectionInfo;
  // It stands for the API server that hosts the reviews: this one.
  if (type === 'InClusterConfig')
    throw new ConfigError(
      `authorizer ${JSON.stringify(name)}: connectionInfo.type InClusterConfig is not allowed for kube-apiserver`,
    );
  return { ...authorizer, endpoint: reviewEndpoint(kubeConfigFile) };
}

function policiesOf(
  flags: Flags<AuthorizationFlag>,
  types: readonly string[],
): { policies?: readonly AbacPolicy[] } {
  if (!types.includes('ABAC')) return {};
  const path = flags.text(POLICY_FILE);
  const text = flags.file(POLICY_FILE);
  if (text === undefined)
    throw new UserError("authorization-mode ABAC's authorization policy file not passed");
  return { policies: readAbacPolicies(text, path) };
}
