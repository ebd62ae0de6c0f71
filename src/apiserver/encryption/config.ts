/**
 * `EncryptionConfiguration` (apiserver.config.k8s.io/v1): which resources are encrypted in the
 * store, and how. Read strictly, with its defaults.
 *
 * Source: upstream v1.36 apiserver/pkg/apis/apiserver/v1/types_encryption.go and defaults.go.
 */
import { ConfigError } from '#api/component-config/error.ts';
import {
  INT32,
  DURATION,
  list,
  object,
  always,
  optional,
  pointer,
  STRING,
  struct as structOf,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { readConfig, STRICT } from '#api/component-config/read.ts';
import type { FieldSchema, TypeSchema } from '#api/schema/types.ts';
import { validateEncryptionConfig } from './validate.ts';

const GROUP = 'apiserver.config.k8s.io';
const API_VERSION = `${GROUP}/v1`;
const KIND = 'EncryptionConfiguration';
const SCHEME = 'k8s.io/apiserver/pkg/server/options/encryptionconfig/config.go';

export interface EncryptionConfig {
  readonly resources: readonly ResourceConfig[];
}

export interface ResourceConfig {
  /** `secrets`, `pandas.awesome.bears.example`, `*.apps`, `*.` (of the core), `*.*`. */
  readonly resources: readonly string[];
  /** The first encrypts; each may decrypt. Exactly one member of each is there. */
  readonly providers: readonly ProviderConfig[];
}

export interface ProviderConfig {
  readonly aesgcm?: KeysConfig;
  readonly aescbc?: KeysConfig;
  readonly secretbox?: KeysConfig;
  readonly identity?: object;
  readonly kms?: KmsConfig;
}

export interface KeysConfig {
  readonly keys?: readonly KeyConfig[];
}

export interface KeyConfig {
  readonly name: string;
  /** In base64. */
  readonly secret: string;
}

export interface KmsConfig {
  readonly apiVersion: string;
  readonly name: string;
  readonly cachesize?: number;
  /** `unix:///var/run/kms.sock` */
  readonly endpoint: string;
  /** As Go writes durations: `3s`. */
  readonly timeout: string;
}

function struct(goName: string, members: readonly FieldSchema[]): TypeSchema {
  return structOf(goName, members, { name: 'io.k8s.apiserver.config.v1', goPackage: 'v1' });
}

const KEYS = list(
  object(struct('Key', [always('name', STRING), always('secret', STRING)])),
  '[]v1.Key',
);
const KMS = struct('KMSConfiguration', [
  always('apiVersion', STRING),
  always('name', STRING),
  pointer('cachesize', INT32),
  always('endpoint', STRING),
  pointer('timeout', DURATION),
]);
const PROVIDER = struct('ProviderConfiguration', [
  pointer('aesgcm', object(struct('AESConfiguration', [always('keys', KEYS)]))),
  pointer('aescbc', object(struct('AESConfiguration', [always('keys', KEYS)]))),
  pointer('secretbox', object(struct('SecretboxConfiguration', [always('keys', KEYS)]))),
  pointer('identity', object(struct('IdentityConfiguration', []))),
  pointer('kms', object(KMS)),
]);
const CONFIGURATION = struct(KIND, [
  ...TYPE_META,
  optional(
    'resources',
    list(
      object(
        struct('ResourceConfiguration', [
          always('resources', list(STRING)),
          always('providers', list(object(PROVIDER), '[]v1.ProviderConfiguration')),
        ]),
      ),
      '[]v1.ResourceConfiguration',
    ),
  ),
]);

const KMS_TIMEOUT = '3s';
const KMS_V1 = 'v1';
const KMS_CACHE = 1000;

/** Throws ConfigError that says everything that is wrong, and never a secret. */
export function readEncryptionConfig(text: string): EncryptionConfig {
  const type = { apiVersion: API_VERSION, kind: KIND, type: CONFIGURATION, scheme: SCHEME };
  const { object: read, problems } = readConfig(text, type);
  if (problems.length > 0) throw new ConfigError(`${STRICT}${problems.join(', ')}`);
  const config = withDefaults(read as Partial<EncryptionConfig>);
  const errors = validateEncryptionConfig(config).map((error) => error.text());
  if (errors.length === 1) throw new ConfigError(errors[0]);
  if (errors.length > 1) throw new ConfigError(`[${errors.join(', ')}]`);
  return config;
}

function withDefaults({ resources = [] }: Partial<EncryptionConfig>): EncryptionConfig {
  return {
    resources: resources.map(
      ({ resources: names = [], providers = [] }: Partial<ResourceConfig>) => ({
        resources: names,
        providers: providers.map((provider) =>
          provider.kms === undefined
            ? provider
            : { ...provider, kms: kmsWithDefaults(provider.kms) },
        ),
      }),
    ),
  };
}

function kmsWithDefaults({ apiVersion, timeout, ...rest }: Partial<KmsConfig>): KmsConfig {
  const version = apiVersion === undefined || apiVersion === '' ? KMS_V1 : apiVersion;
  return {
    ...(version === KMS_V1 ? { cachesize: KMS_CACHE } : {}),
    name: '',
    endpoint: '',
    ...rest,
    apiVersion: version,
    timeout: timeout ?? KMS_TIMEOUT,
  };
}
