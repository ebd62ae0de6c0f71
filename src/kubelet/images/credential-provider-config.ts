/**
 * `CredentialProviderConfig`: which programs the kubelet asks for credentials of registries.
 *
 * Pure. Source: KEP-2133, KEP-4412; API reference v1.36, kubelet.config.k8s.io/v1. Upstream:
 * pkg/credentialprovider/plugin/config.go (validation and its words).
 */
import { parseDuration } from '#api/codec/duration.ts';
import { fromYaml, YamlError } from '#api/codec/yaml.ts';
import { ConfigError } from '#api/component-config/error.ts';
import {
  always,
  BOOL,
  DURATION,
  list,
  object,
  optional,
  pointer,
  STRING,
  struct as structOf,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { readConfig, STRICT } from '#api/component-config/read.ts';
import {
  duplicate,
  fieldPath,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#api/meta/field.ts';
import { isQualifiedName } from '#api/meta/names.ts';
import type { FieldSchema, TypeSchema } from '#api/schema/types.ts';
import { readMatch } from './keyring.ts';

export interface CredentialProvider {
  /** Also that of its program. */
  readonly name: string;
  readonly matchImages?: readonly string[];
  /** How long an answer holds that does not say it itself. */
  readonly defaultCacheDuration?: string;
  /** Of the questions and answers. */
  readonly apiVersion?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  /** The program gets a token of the pod's service account; absent: it does not. */
  readonly tokenAttributes?: TokenAttributes;
}

export interface TokenAttributes {
  readonly serviceAccountTokenAudience?: string;
  /** `ServiceAccount`: an answer is for all pods of an account; `Token`: for one token alone. */
  readonly cacheType?: string;
  /** Pods without a service account are not asked about. */
  readonly requireServiceAccount?: boolean;
  readonly requiredServiceAccountAnnotationKeys?: readonly string[];
  readonly optionalServiceAccountAnnotationKeys?: readonly string[];
}

const GROUP = 'kubelet.config.k8s.io';
const VERSIONS = [`${GROUP}/v1`, `${GROUP}/v1alpha1`, `${GROUP}/v1beta1`];
const PLUGIN_GROUP = 'credentialprovider.kubelet.k8s.io';
const PLUGIN_V1 = `${PLUGIN_GROUP}/v1`;
const PLUGIN_VERSIONS = [PLUGIN_V1, `${PLUGIN_GROUP}/v1alpha1`, `${PLUGIN_GROUP}/v1beta1`];
const CACHE_TYPES = ['ServiceAccount', 'Token'];
const STRINGS = list(STRING);

function struct(goName: string, members: readonly FieldSchema[]): TypeSchema {
  return structOf(goName, members, { name: 'io.k8s.kubelet.config.v1', goPackage: 'v1' });
}

const CONFIG = struct('CredentialProviderConfig', [
  ...TYPE_META,
  always(
    'providers',
    list(
      object(
        struct('CredentialProvider', [
          always('name', STRING),
          always('matchImages', STRINGS),
          pointer('defaultCacheDuration', DURATION),
          always('apiVersion', STRING),
          optional('args', STRINGS),
          optional(
            'env',
            list(object(struct('ExecEnvVar', [always('name', STRING), always('value', STRING)]))),
          ),
          pointer(
            'tokenAttributes',
            object(
              struct('ServiceAccountTokenAttributes', [
                always('serviceAccountTokenAudience', STRING),
                always('cacheType', STRING),
                pointer('requireServiceAccount', BOOL),
                optional('requiredServiceAccountAnnotationKeys', STRINGS),
                optional('optionalServiceAccountAnnotationKeys', STRINGS),
              ]),
            ),
          ),
        ]),
      ),
    ),
  ),
]);

/** One file: the providers it names, not yet validated. Throws ConfigError. */
export function readCredentialProviders(text: string): readonly CredentialProvider[] {
  const asked = apiVersionOf(text);
  const apiVersion = VERSIONS.find((version) => version === asked) ?? `${GROUP}/v1`;
  const { object: config, problems } = readConfig(text, {
    apiVersion,
    kind: 'CredentialProviderConfig',
    type: CONFIG,
    scheme: 'pkg/credentialprovider/plugin/plugin.go:60',
  });
  if (problems.length > 0) throw new ConfigError(`${STRICT}${problems.join(', ')}`);
  return (config['providers'] ?? []) as unknown as readonly CredentialProvider[];
}

/** Undefined for a text that is none; who reads it whole says why. */
function apiVersionOf(text: string): unknown {
  try {
    return (fromYaml(text, []) as { readonly apiVersion?: unknown } | null)?.apiVersion;
  } catch (error) {
    if (error instanceof YamlError) return undefined;
    throw error;
  }
}

/** The providers of several files as one list. Throws ConfigError where two have the same name. */
export function mergeProviders(
  files: readonly (readonly CredentialProvider[])[],
): readonly CredentialProvider[] {
  const merged = files.flat();
  const names = new Set<string>();
  for (const { name } of merged) {
    if (names.has(name))
      throw new ConfigError(
        `duplicate provider name ${JSON.stringify(name)} found in configuration file(s)`,
      );
    names.add(name);
  }
  return merged;
}

/** What is wrong with them, each in upstream's words. */
export function validateProviders(providers: readonly CredentialProvider[]): FieldError[] {
  const at = fieldPath('providers');
  return [
    ...(providers.length === 0 ? [required(at, 'at least 1 item in plugins is required')] : []),
    ...providers.flatMap((provider) => providerErrors(provider, at)),
  ];
}

function providerErrors(provider: CredentialProvider, at: FieldPath): FieldError[] {
  const { name, apiVersion = '', matchImages = [], defaultCacheDuration: cached } = provider;
  const duration = at.child('defaultCacheDuration');
  return [
    ...nameErrors(name, at.child('name')),
    ...(apiVersion === ''
      ? [required(at.child('apiVersion'))]
      : PLUGIN_VERSIONS.includes(apiVersion)
        ? []
        : [notSupported(at.child('apiVersion'), apiVersion, PLUGIN_VERSIONS)]),
    ...(matchImages.length === 0
      ? [required(at.child('matchImages'), 'at least 1 item in matchImages is required')]
      : []),
    ...matchImages
      .filter((image) => readMatch(image) === undefined)
      .map((image) =>
        invalidValue(
          at.child('matchImages'),
          image,
          `match image is invalid: parse ${JSON.stringify(`https://${image}`)}: invalid URL`,
        ),
      ),
    ...(cached === undefined ? [required(duration)] : []),
    ...(cached !== undefined && parseDuration(cached) < 0
      ? [invalidValue(duration, cached, 'defaultCacheDuration must be greater than or equal to 0')]
      : []),
    ...tokenErrors(provider, at.child('tokenAttributes')),
  ];
}

function nameErrors(name: string, at: FieldPath): FieldError[] {
  const rules: readonly [boolean, string][] = [
    [name.includes('/'), "provider name cannot contain '/'"],
    [name.includes(' '), 'provider name cannot contain spaces'],
    [name === '.', "provider name cannot be '.'"],
    [name === '..', "provider name cannot be '..'"],
  ];
  return rules.filter(([isBroken]) => isBroken).map(([, why]) => invalidValue(at, name, why));
}

function tokenErrors(
  { tokenAttributes, apiVersion }: CredentialProvider,
  at: FieldPath,
): FieldError[] {
  if (tokenAttributes === undefined) return [];
  const {
    serviceAccountTokenAudience: audience = '',
    cacheType = '',
    requireServiceAccount: requires,
    requiredServiceAccountAnnotationKeys: needed = [],
    optionalServiceAccountAnnotationKeys: welcome = [],
  } = tokenAttributes;
  const [neededAt, welcomeAt, cacheAt] = [
    at.child('requiredServiceAccountAnnotationKeys'),
    at.child('optionalServiceAccountAnnotationKeys'),
    at.child('cacheType'),
  ];
  const both = [...new Set(needed)].filter((key) => welcome.includes(key)).toSorted();
  return [
    ...(audience === '' ? [required(at.child('serviceAccountTokenAudience'))] : []),
    ...(requires === undefined ? [required(at.child('requireServiceAccount'))] : []),
    ...(apiVersion === PLUGIN_V1
      ? []
      : [forbiddenField(at, `tokenAttributes is only supported for ${PLUGIN_V1} API version`)]),
    ...(requires === false && needed.length > 0
      ? [
          forbiddenField(
            neededAt,
            'requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set',
          ),
        ]
      : []),
    ...keyErrors(needed, neededAt),
    ...keyErrors(welcome, welcomeAt),
    ...(both.length > 0
      ? [invalidValue(at, both, 'annotation keys cannot be both required and optional')]
      : []),
    ...(cacheType === ''
      ? [
          required(
            cacheAt,
            `cacheType is required to be set when tokenAttributes is specified. Supported values are: ${CACHE_TYPES.join(', ')}`,
          ),
        ]
      : CACHE_TYPES.includes(cacheType)
        ? []
        : [notSupported(cacheAt, cacheType, CACHE_TYPES)]),
  ];
}

function keyErrors(keys: readonly string[], at: FieldPath): FieldError[] {
  return keys.flatMap((key, position) => [
    // As keys of annotations: case does not matter.
    ...isQualifiedName(key.toLowerCase()).map((why) => invalidValue(at, key, why)),
    ...(keys.indexOf(key) < position ? [duplicate(at, key)] : []),
  ]);
}
