/**
 * What an `EncryptionConfiguration` may say, with upstream's field paths and messages.
 *
 * Source: upstream v1.36 apiserver/pkg/apis/apiserver/validation/validation_encryption.go.
 */
import { parseDuration } from '#api/codec/duration.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
} from '#api/meta/field.ts';
import type { EncryptionConfig, KeysConfig, KmsConfig, ProviderConfig } from './config.ts';
import { parseGroupResource } from './group-resource.ts';

const AES_BYTES = [16, 24, 32];
const SECRETBOX_BYTES = [32];
const NO_PROVIDER =
  'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity';
/** Stored, and served by no path. */
const NO_REST = new Set(['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations']);

/** Everything that is wrong, in upstream's order. */
export function validateEncryptionConfig({ resources }: EncryptionConfig): FieldError[] {
  const root = fieldPath('resources');
  if (resources.length === 0) return [required(root, atLeastOne('resources'))];
  const names = new Set<string>();
  return resources.flatMap((config, i) => {
    const at = root.index(i);
    const resourcesAt = at.child('resources');
    const providersAt = at.child('providers');
    return [
      ...(config.resources.length === 0
        ? [required(resourcesAt, atLeastOne(String(resourcesAt)))]
        : []),
      ...validateOverlap(config.resources, resourcesAt),
      ...config.resources.flatMap((name, j) => validateName(name, resourcesAt.index(j))),
      ...(config.providers.length === 0
        ? [required(providersAt, atLeastOne(String(providersAt)))]
        : []),
      ...config.providers.flatMap((provider, j) =>
        validateProvider(provider, providersAt.index(j), names),
      ),
    ];
  });
}

const atLeastOne = (what: string): string => `at least one ${what} is required`;

function validateOverlap(resources: readonly string[], at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (new Set(resources.map((name) => groupResourceText(name))).size < resources.length)
    errors.push(
      invalidValue(at, resources, 'the same resource cannot be specified multiple times'),
    );
  const parsed = resources.map(parseGroupResource);
  const overlaps = parsed.some((one, i) =>
    parsed.some((other, j) => {
      if (i === j || (one.group === other.group && one.resource === other.resource)) return false;
      if (one.group === '*' && one.resource === '*') return true;
      return one.group === other.group && (one.resource === '*' || other.resource === '*');
    }),
  );
  if (overlaps)
    errors.push(
      invalidValue(
        at,
        resources,
        "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
      ),
    );
  return errors;
}

function groupResourceText(name: string): string {
  const { group, resource } = parseGroupResource(name);
  return `${resource}.${group}`;
}

function validateName(name: string, at: FieldPath): FieldError[] {
  const wrong = wrongName(name);
  return wrong === undefined ? [] : [invalidValue(at, name, wrong)];
}

function wrongName(name: string): string | undefined {
  if (name.toLowerCase() !== name) return 'resource name should not contain capital letters';
  if (name === '*')
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  if (NO_REST.has(name)) return 'resources which do not have REST API/s cannot be encrypted';
  const { group, resource } = parseGroupResource(name);
  if (group === 'events.k8s.io')
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  if (group === 'extensions')
    return "'extensions' group has been removed and cannot be used for encryption";
  if (group === '*' && resource !== '*')
    return 'encrypting the same resource across groups is not supported';
  return undefined;
}

/** `names`: of the KMS providers so far; the provider's is added. */
function validateProvider(
  provider: ProviderConfig,
  at: FieldPath,
  names: Set<string>,
): FieldError[] {
  const given = Object.keys(provider);
  const errors =
    given.length === 1
      ? []
      : [
          invalidValue(
            at,
            given,
            given.length === 0
              ? NO_PROVIDER
              : 'more than one provider specified in a single element, should split into different list elements',
          ),
        ];
  const { kms, aesgcm, aescbc, secretbox } = provider;
  if (kms !== undefined) {
    errors.push(...validateKms(kms, at.child('kms'), names));
    names.add(kms.name);
  } else if (aesgcm !== undefined)
    errors.push(...validateKeys(aesgcm, at.child('aesgcm').child('keys'), AES_BYTES));
  else if (aescbc !== undefined)
    errors.push(...validateKeys(aescbc, at.child('aescbc').child('keys'), AES_BYTES));
  else if (secretbox !== undefined)
    errors.push(...validateKeys(secretbox, at.child('secretbox').child('keys'), SECRETBOX_BYTES));
  return errors;
}

function validateKeys(
  { keys = [] }: KeysConfig,
  at: FieldPath,
  lengths: readonly number[],
): FieldError[] {
  if (keys.length === 0) return [required(at, atLeastOne('keys'))];
  return keys.flatMap(({ name, secret }, i) => {
    const nameAt = at.index(i).child('name');
    const secretAt = at.index(i).child('secret');
    const errors = name === '' ? [required(nameAt, mandatory('name', 'key'))] : [];
    if (secret === '') return [...errors, required(secretAt, mandatory('secret', 'key'))];
    const wrong = wrongSecret(secret, lengths);
    // Never what was given: it may be the secret but for one letter.
    return wrong === undefined ? errors : [...errors, invalidValue(secretAt, 'REDACTED', wrong)];
  });
}

const mandatory = (what: string, of: string): string => `${what} is a mandatory field for a ${of}`;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function wrongSecret(secret: string, lengths: readonly number[]): string | undefined {
  // As Go's decoder, which leaves line ends out.
  const text = secret.replace(/[\r\n]/g, '');
  if (!BASE64.test(text)) return 'secrets must be base64 encoded';
  const { length } = Buffer.from(text, 'base64');
  if (lengths.includes(length)) return undefined;
  return `secret is not of the expected length, got ${length}, expected one of [${lengths.join(' ')}]`;
}

function validateKms(kms: KmsConfig, at: FieldPath, names: ReadonlySet<string>): FieldError[] {
  const { name, apiVersion, cachesize, endpoint, timeout } = kms;
  const errors: FieldError[] = [];
  const nameAt = at.child('name');
  if (name === '') errors.push(required(nameAt, mandatory('name', 'provider')));
  if (apiVersion !== 'v1' && name.includes(':'))
    errors.push(
      invalidValue(nameAt, name, `invalid KMS provider name ${name}, must not contain ':'`),
    );
  if (names.has(name))
    errors.push(
      invalidValue(nameAt, name, `duplicate KMS provider name ${name}, names must be unique`),
    );
  if (parseDuration(timeout) <= 0)
    errors.push(invalidValue(at.child('timeout'), timeout, 'timeout should be a positive value'));
  errors.push(...validateEndpoint(endpoint, at.child('endpoint')));
  if (apiVersion !== 'v1' && cachesize !== undefined)
    errors.push(invalidValue(at.child('cachesize'), cachesize, 'cachesize is not supported in v2'));
  if (apiVersion === 'v1')
    // Upstream reads it behind a gate that is off; here it is not there.
    errors.push(
      invalidValue(
        at.child('apiVersion'),
        apiVersion,
        'KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.',
      ),
    );
  else if (apiVersion !== 'v2')
    errors.push(
      invalidValue(
        at.child('apiVersion'),
        apiVersion,
        'unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported',
      ),
    );
  return errors;
}

function validateEndpoint(endpoint: string, at: FieldPath): FieldError[] {
  if (endpoint === '') return [invalidValue(at, '', mandatory('endpoint', 'kms'))];
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(endpoint)?.[1]?.toLowerCase() ?? '';
  if (scheme === 'unix') return [];
  return [
    invalidValue(
      at,
      endpoint,
      `unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`,
    ),
  ];
}
