/**
 * What the kubelet asks a credential provider, and what it is told.
 *
 * Pure. Source: KEP-2133, KEP-4412; API reference v1.36, credentialprovider.kubelet.k8s.io/v1.
 * Upstream: pkg/credentialprovider/plugin/plugin.go (execPlugin).
 */
import { parseDuration } from '#api/codec/duration.ts';
import {
  always,
  DURATION,
  map,
  object,
  pointer,
  STRING,
  struct as structOf,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { readConfig } from '#api/component-config/read.ts';
import type { FieldSchema, TypeSchema } from '#api/schema/types.ts';
import type { DockerConfig } from './docker-config.ts';

export interface CredentialQuestion {
  readonly apiVersion: string;
  /** Its registry and path. */
  readonly image: string;
  /** Empty: none is wanted, or the pod has no account. */
  readonly token: string;
  /** Those of the service account that were asked for. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface CredentialAnswer {
  readonly config: DockerConfig;
  readonly cacheKeyType: 'Image' | 'Registry' | 'Global';
  /** Undefined: as the configuration has it. 0: not at all. */
  readonly cacheMs: number | undefined;
}

const KIND = 'CredentialProviderResponse';
const KEY_TYPES: readonly string[] = ['Image', 'Registry', 'Global'];
const NANOS_PER_MS = 1e6;

function struct(goName: string, members: readonly FieldSchema[]): TypeSchema {
  const at = { name: 'io.k8s.kubelet.pkg.apis.credentialprovider.v1', goPackage: 'v1' };
  return structOf(goName, members, at);
}

const RESPONSE = struct(KIND, [
  ...TYPE_META,
  always('cacheKeyType', STRING),
  pointer('cacheDuration', DURATION),
  always(
    'auth',
    map(object(struct('AuthConfig', [always('username', STRING), always('password', STRING)]))),
  ),
]);

/** For the program's standard input. */
export function questionText(question: CredentialQuestion): string {
  const { apiVersion, image, token, annotations } = question;
  const hasAnnotations = Object.keys(annotations).length > 0;
  return `${JSON.stringify({
    kind: 'CredentialProviderRequest',
    apiVersion,
    image,
    ...(token === '' ? {} : { serviceAccountToken: token }),
    ...(hasAnnotations ? { serviceAccountAnnotations: annotations } : {}),
  })}\n`;
}

/**
 * From the program's standard output. Throws an Error that shows nothing of it: it may hold
 * passwords.
 */
export function readAnswer(text: string, apiVersion: string): CredentialAnswer {
  const answer = decoded(text, apiVersion);
  const { cacheKeyType = '', cacheDuration, auth } = answer;
  if (!KEY_TYPES.includes(cacheKeyType))
    throw new Error(
      `credential provider plugin did not return a valid cacheKeyType: ${JSON.stringify(cacheKeyType)}`,
    );
  return {
    config: new Map(
      Object.entries(auth ?? {}).map(([key, { username = '', password = '' }]) => [
        key,
        { username, password },
      ]),
    ),
    // It is one of them.
    cacheKeyType: cacheKeyType as CredentialAnswer['cacheKeyType'],
    cacheMs: cacheDuration === undefined ? undefined : parseDuration(cacheDuration) / NANOS_PER_MS,
  };
}

interface Response {
  readonly cacheKeyType?: string;
  readonly cacheDuration?: string;
  readonly auth?: Readonly<
    Record<string, { readonly username?: string; readonly password?: string }>
  > | null;
}

function decoded(text: string, apiVersion: string): Response {
  let actual: string | undefined;
  try {
    const { object: answer, problems } = readConfig(text, {
      apiVersion,
      kind: KIND,
      type: RESPONSE,
      scheme: '',
    });
    if (problems.length === 0) return answer as Response;
  } catch {
    actual = versionIn(text);
  }
  if (actual !== undefined && actual !== apiVersion)
    throw new Error(
      `apiVersion from credential plugin response did not match expected apiVersion:${apiVersion}, actual apiVersion:${actual}`,
    );
  throw new Error('error decoding credential provider plugin response from stdout');
}

function versionIn(text: string): string | undefined {
  try {
    const { apiVersion } = JSON.parse(text) as { readonly apiVersion?: unknown };
    return typeof apiVersion === 'string' ? apiVersion : undefined;
  } catch {
    return undefined;
  }
}
