/**
 * Reads the configuration of ImagePolicyWebhook.
 *
 * Source: upstream plugin/pkg/admission/imagepolicy/config.go, v1.36.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { always, BOOL, INT64, object, STRING } from '#api/component-config/fields.ts';
import { formatDuration } from '#api/codec/duration.ts';
import type { TlsClientOptions } from '#base/doors.ts';
import { configType } from './fields.ts';
import { readUnversioned } from './unversioned.ts';

/** The file that says where the webhook is, and how it is to be asked. */
export interface ImagePolicyConfiguration {
  /** A kubeconfig. */
  readonly kubeConfigFile: string;
  /** How long its answers are believed, milliseconds; 0: they are asked for each time. */
  readonly allowTtlMs: number;
  readonly denyTtlMs: number;
  /** Between the first two tries. */
  readonly retryBackoffMs: number;
  /** Whether images are let in when the webhook cannot be asked. */
  readonly defaultAllow: boolean;
}

/** The same, with the road that the kubeconfig names. */
export interface ImagePolicyOptions extends Omit<ImagePolicyConfiguration, 'kubeConfigFile'> {
  readonly webhook: {
    readonly host: string;
    readonly port: number;
    readonly path: string;
    /** Plain HTTP without it. */
    readonly tls?: TlsClientOptions;
    readonly token?: string;
  };
}

const IMAGE_POLICY = configType(
  'imagePolicyWebhookConfig',
  always('kubeConfigFile', STRING),
  always('allowTTL', INT64),
  always('denyTTL', INT64),
  always('retryBackoff', INT64),
  always('defaultAllow', BOOL),
);
const CONFIGURATION = configType('AdmissionConfig', always('imagePolicy', object(IMAGE_POLICY)));

const MS = 1e6;
const SECOND = 1e9;
const MINUTE = 60e9;

/** All but `scale` in nanoseconds. */
interface Bounds {
  readonly scale: number;
  readonly above: number;
  readonly most: number;
  readonly fallback: number;
}

const BACKOFF: Bounds = { scale: MS, above: 1, most: 5 * MINUTE, fallback: 500 * MS };
const TTL = { scale: SECOND, above: SECOND, most: 30 * MINUTE } as const;

/** Throws ConfigError. */
export function readImagePolicy(text: string): ImagePolicyConfiguration {
  const { imagePolicy = {} } = readUnversioned(text, CONFIGURATION) as {
    imagePolicy?: Partial<{
      kubeConfigFile: string;
      allowTTL: number | string;
      denyTTL: number | string;
      retryBackoff: number | string;
      defaultAllow: boolean;
    }>;
  };
  const { kubeConfigFile = '', defaultAllow = false } = imagePolicy;
  const retryBackoffMs = lengthMs(imagePolicy.retryBackoff, BACKOFF);
  const allowTtlMs = lengthMs(imagePolicy.allowTTL, { ...TTL, fallback: 5 * MINUTE });
  const denyTtlMs = lengthMs(imagePolicy.denyTTL, { ...TTL, fallback: 30 * SECOND });
  if (kubeConfigFile === '') throw new ConfigError('imagePolicy.kubeConfigFile: Required value');
  return { kubeConfigFile, allowTtlMs, denyTtlMs, retryBackoffMs, defaultAllow };
}

/** 0 is the default, -1 is none. */
function lengthMs(given: number | string | undefined, bounds: Bounds): number {
  const value = Number(given ?? 0);
  if (value === -1) return 0;
  if (value === 0) return bounds.fallback / MS;
  const length = value * bounds.scale;
  if (length > bounds.above && length <= bounds.most) return length / MS;
  const [least, most, got] = [bounds.above, bounds.most, length].map(formatDuration);
  throw new ConfigError(`valid value is between ${least} and ${most}, got ${got}`);
}
