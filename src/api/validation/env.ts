/** Environment variables of containers. Upstream: pkg/apis/core/validation/validation.go. */
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isConfigMapKey, isEnvVarName, nameIsDnsSubdomain } from '../meta/names.ts';
import { label, qualifiedName } from './common.ts';
import { invalidAll } from './metadata.ts';
import { noBacksteps } from './paths.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const KNOWN_FIELDS = new Set([
  ...ENV_FIELDS,
  ...VOLUME_FIELDS,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);
const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const SIZES = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei';
const SUBSCRIPTED = /^(.+?)\['(.*)'\]$/s;

/** What a field of the pod may be named: the path as it is, and a subscript of labels or annotations. */
export function validateFieldRef(
  selector: Partial<ObjectFieldSelector>,
  allowed: readonly string[],
  at: FieldPath,
): FieldError[] {
  const { apiVersion = '', fieldPath: path = '' } = selector;
  if (apiVersion === '') return [required(at.child('apiVersion'))];
  if (path === '') return [required(at.child('fieldPath'))];
  const refuse = (reason: string): FieldError[] => [
    invalidValue(at.child('fieldPath'), path, `error converting fieldPath: ${reason}`),
  ];
  if (apiVersion !== 'v1') return refuse(`unsupported pod version: ${apiVersion}`);
  const [, base = path, subscript] = SUBSCRIPTED.exec(path) ?? [];
  if (subscript !== undefined) {
    if (base === 'metadata.annotations') return qualifiedName(subscript.toLowerCase(), at);
    if (base === 'metadata.labels') return qualifiedName(subscript, at);
    return refuse(`field label does not support subscript: ${path}`);
  }
  const known = path === 'spec.host' ? 'spec.nodeName' : path;
  if (!KNOWN_FIELDS.has(known)) return refuse(`field label not supported: ${path}`);
  return allowed.includes(known) ? [] : [notSupported(at.child('fieldPath'), known, allowed)];
}

/** The unit that a resource is told in. */
function validateDivisor(resource: string, divisor: string, at: FieldPath): FieldError[] {
  if (divisor === '' || divisor === '0') return [];
  const name = resource.replace(/^(limits|requests)\./, '');
  const refuse = (units: string, what: string): FieldError[] => [
    invalidValue(
      at.child('divisor'),
      resource,
      `only divisor's values ${units} are supported with the ${what} resource`,
    ),
  ];
  if (name === 'cpu') return ['1m', '1'].includes(divisor) ? [] : refuse('1m and 1', 'cpu');
  if (SIZES.split(', ').includes(divisor)) return [];
  if (name === 'memory') return refuse(SIZES, 'memory');
  if (name === 'ephemeral-storage') return refuse(SIZES, 'local ephemeral storage');
  return name.startsWith('hugepages-') ? refuse(SIZES, 'hugepages') : [];
}

export function validateResourceFieldRef(
  selector: Partial<ResourceFieldSelector>,
  at: FieldPath,
  inVolume: boolean,
): FieldError[] {
  const { containerName = '', resource = '', divisor = '' } = selector;
  const errors: FieldError[] = [];
  if (inVolume && containerName === '') errors.push(required(at.child('containerName')));
  else if (resource === '') errors.push(required(at.child('resource')));
  else if (
    !RESOURCE_FIELDS.includes(resource) &&
    !/^(limits|requests)\.hugepages-/.test(resource)
  ) {
    errors.push(notSupported(at.child('resource'), resource, RESOURCE_FIELDS));
  }
  return [...errors, ...validateDivisor(resource, divisor, at)];
}

function validateKeyRef(selector: { name?: string; key?: string }, at: FieldPath): FieldError[] {
  const { name = '', key = '' } = selector;
  return [
    ...invalidAll(at.child('name'), name, nameIsDnsSubdomain(name, false)),
    ...(key === ''
      ? [required(at.child('key'))]
      : invalidAll(at.child('key'), key, isConfigMapKey(key))),
  ];
}

function validateFileKeyRef(
  selector: Partial<NonNullable<EnvVarSource['fileKeyRef']>>,
  at: FieldPath,
): FieldError[] {
  const { key = '', volumeName = '', path = '' } = selector;
  return [
    ...(key === ''
      ? [required(at.child('key'))]
      : invalidAll(at.child('key'), key, isEnvVarName(key))),
    ...(volumeName === ''
      ? [required(at.child('volumeName'))]
      : label(volumeName, at.child('volumeName'))),
    ...(path === '' ? [required(at.child('path'))] : noBacksteps(path, at.child('path'))),
  ];
}

function validateSource(source: EnvVarSource, value: string, at: FieldPath): FieldError[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  const errors: FieldError[] = [];
  if (fieldRef !== undefined)
    errors.push(...validateFieldRef(fieldRef, ENV_FIELDS, at.child('fieldRef')));
  if (resourceFieldRef !== undefined) {
    errors.push(...validateResourceFieldRef(resourceFieldRef, at.child('resourceFieldRef'), false));
  }
  if (configMapKeyRef !== undefined)
    errors.push(...validateKeyRef(configMapKeyRef, at.child('configMapKeyRef')));
  if (secretKeyRef !== undefined)
    errors.push(...validateKeyRef(secretKeyRef, at.child('secretKeyRef')));
  if (fileKeyRef !== undefined)
    errors.push(...validateFileKeyRef(fileKeyRef, at.child('fileKeyRef')));
  const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (ref) => ref !== undefined,
  );
  if (given.length === 0) {
    errors.push(
      invalidValue(
        at,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  } else if (value !== '')
    errors.push(invalidValue(at, '', 'may not be specified when `value` is not empty'));
  else if (given.length > 1)
    errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'));
  return errors;
}

export function validateEnv(variables: readonly EnvVar[] | undefined, at: FieldPath): FieldError[] {
  return (variables ?? []).flatMap(({ name = '', value = '', valueFrom }: Partial<EnvVar>, i) => {
    const here = at.index(i);
    return [
      ...(name === ''
        ? [required(here.child('name'))]
        : invalidAll(here.child('name'), name, isEnvVarName(name))),
      ...(valueFrom === undefined ? [] : validateSource(valueFrom, value, here.child('valueFrom'))),
    ];
  });
}

function validateNameRef(name: string, at: FieldPath): FieldError[] {
  return name === '' ? [required(at)] : invalidAll(at, name, nameIsDnsSubdomain(name, true));
}

export function validateEnvFrom(
  sources: readonly EnvFromSource[] | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { prefix = '', configMapRef, secretRef }] of (sources ?? []).entries()) {
    const here = at.index(i);
    if (prefix !== '')
      errors.push(...invalidAll(here.child('prefix'), prefix, isEnvVarName(prefix)));
    if (configMapRef !== undefined) {
      errors.push(...validateNameRef(configMapRef.name ?? '', here.child('configMapRef', 'name')));
    }
    if (secretRef !== undefined)
      errors.push(...validateNameRef(secretRef.name ?? '', here.child('secretRef', 'name')));
    if (configMapRef === undefined && secretRef === undefined) {
      errors.push(invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'));
    }
  }
  return errors;
}
