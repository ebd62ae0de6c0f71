/**
 * What an `AuthorizationConfiguration` may say, with upstream's field paths and messages.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go
 * (ValidateAuthorizationConfiguration and below).
 */
import { formatDuration } from '../codec/duration.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';
import {
  AUTHORIZATION_MODES,
  type AuthorizationConfiguration,
  type FileFault,
  type WebhookConfiguration,
} from './authorization-types.ts';
import { compileMatchConditions } from './match-conditions.ts';

const SECOND = 1e9;
const TIMEOUT_MAX = 30 * SECOND;
const MODES: readonly string[] = AUTHORIZATION_MODES;

/** Everything that is wrong, in upstream's order. */
export function validateAuthorization(
  { authorizers }: AuthorizationConfiguration,
  fileFault: FileFault,
): FieldError[] {
  const root = fieldPath('authorizers');
  if (authorizers.length === 0)
    return [required(root, 'at least one authorization mode must be defined')];
  const types = new Set<string>();
  const names = new Set<string>();
  return authorizers.flatMap(({ type, name, webhook }, i) => {
    const at = root.index(i);
    const wrong = typeErrors(type, types, at.child('type'));
    if (wrong.length > 0) return wrong;
    types.add(type);
    const errors = nameErrors(name, names, at.child('name'));
    names.add(name);
    if (type === 'Webhook')
      errors.push(
        ...(webhook === undefined
          ? [required(at.child('webhook'), 'required when type=Webhook')]
          : validateWebhook(webhook, at, fileFault)),
      );
    else if (webhook !== undefined)
      errors.push(
        invalidValue(at.child('webhook'), 'non-null', 'may only be specified when type=Webhook'),
      );
    return errors;
  });
}

function typeErrors(type: string, seen: ReadonlySet<string>, at: FieldPath): FieldError[] {
  if (type === '') return [required(at)];
  if (!MODES.includes(type)) return [notSupported(at, type, MODES)];
  return seen.has(type) && type !== 'Webhook' ? [duplicate(at, type)] : [];
}

function nameErrors(name: string, seen: ReadonlySet<string>, at: FieldPath): FieldError[] {
  if (name === '') return [required(at)];
  if (seen.has(name)) return [duplicate(at, name)];
  const faults = nameIsDnsSubdomain(name, false);
  return faults.length === 0
    ? []
    : [invalidValue(at, name, `authorizer name is invalid: ${faults.join(', ')}`)];
}

function validateWebhook(
  config: WebhookConfiguration,
  at: FieldPath,
  fileFault: FileFault,
): FieldError[] {
  const { timeoutNanos: timeout } = config;
  const isOutside = timeout > TIMEOUT_MAX || timeout < 0;
  return [
    ...(timeout === 0 ? [required(at.child('timeout'))] : []),
    ...(isOutside
      ? [invalidValue(at.child('timeout'), formatDuration(timeout), 'must be > 0s and <= 30s')]
      : []),
    ...ttlErrors(config.authorizedTtlNanos, at.child('authorizedTTL')),
    ...ttlErrors(config.unauthorizedTtlNanos, at.child('unauthorizedTTL')),
    ...oneOf(config.subjectAccessReviewVersion, at.child('subjectAccessReviewVersion'), [
      'v1',
      'v1beta1',
    ]),
    ...matchVersionErrors(config, at.child('matchConditionSubjectAccessReviewVersion')),
    ...oneOf(config.failurePolicy, at.child('failurePolicy'), ['NoOpinion', 'Deny']),
    ...connectionErrors(config, at.child('connectionInfo'), fileFault),
    ...compileMatchConditions(config.matchConditions, at.child('matchConditions')).errors,
  ];
}

function ttlErrors(nanos: number, at: FieldPath): FieldError[] {
  return nanos < 0 ? [invalidValue(at, formatDuration(nanos), 'must be > 0s')] : [];
}

function oneOf(value: string, at: FieldPath, supported: readonly string[]): FieldError[] {
  if (value === '') return [required(at)];
  return supported.includes(value) ? [] : [notSupported(at, value, supported)];
}

function matchVersionErrors(
  { matchConditions, matchConditionSubjectAccessReviewVersion: version }: WebhookConfiguration,
  at: FieldPath,
): FieldError[] {
  if (version !== '') return oneOf(version, at, ['v1']);
  return matchConditions.length > 0
    ? [required(at, 'required if match conditions are specified')]
    : [];
}

function connectionErrors(
  { connectionInfo }: WebhookConfiguration,
  at: FieldPath,
  fileFault: FileFault,
): FieldError[] {
  const { type, kubeConfigFile: path } = connectionInfo;
  const file = at.child('kubeConfigFile');
  switch (type) {
    case '':
      return [required(at.child('type'))];
    case 'InClusterConfig':
      return path === undefined
        ? []
        : [invalidValue(file, path, 'can only be set when type=KubeConfigFile')];
    case 'KubeConfigFile': {
      if (path === undefined || path === '') return [required(file)];
      if (!path.startsWith('/')) return [invalidValue(file, path, 'must be an absolute path')];
      const fault = fileFault(path);
      return fault === undefined ? [] : [invalidValue(file, path, fault)];
    }
    default:
      return [
        // Upstream shows the whole of it, by Go's names.
        notSupported(at.child('type'), { Type: type, KubeConfigFile: path ?? null }, [
          'InClusterConfig',
          'KubeConfigFile',
        ]),
      ];
  }
}
