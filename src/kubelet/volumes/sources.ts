/**
 * The files of a volume that the kubelet writes: where they come from.
 *
 * Source: API reference v1.36, ConfigMap, Secret, DownwardAPI and Projected volume sources.
 * Upstream: pkg/volume/projected/projected.go.
 */
import type {
  Pod,
  PodCertificateProjection,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '#api/gen/core-v1.ts';
import type { DownwardFacts } from '../container/downward.ts';
import type { ObjectReferenceKey, ObjectSource } from '../object-source.ts';
import { aggregate } from '../config/validate.ts';
import { plainMessage } from '../pod/start-error.ts';
import type { FileProjection } from './atomic-writer.ts';
import { configMapFiles, DEFAULT_FILE_MODE, downwardFiles, secretFiles } from './payload.ts';
import type { Credentials } from './pod-certificate-state.ts';
import type { CredentialSource } from './pod-certificates.ts';
import type { TokenSource } from './tokens.ts';
import type { TrustAnchorSource } from './trust-bundles.ts';

export interface VolumeSourceInput {
  readonly pod: Pod;
  readonly volume: Volume;
  readonly facts: DownwardFacts;
  readonly objects: ObjectSource;
  readonly tokens: TokenSource;
  readonly trustBundles: TrustAnchorSource;
  readonly podCertificates: CredentialSource;
}

type Files = Map<string, FileProjection>;

/** Secrets and tokens never touch the disk. */
export function isInMemory(volume: Volume): boolean {
  return volume.secret !== undefined || volume.projected !== undefined;
}

/** Undefined for a volume of another kind. */
export async function filesOf(input: VolumeSourceInput): Promise<Files | undefined> {
  const { pod, volume, facts, objects } = input;
  const namespace = pod.metadata?.namespace ?? '';
  if (volume.configMap !== undefined) {
    const { name = '', items, optional = false, defaultMode } = volume.configMap;
    const object = await objects.configMap(namespace, name, optional);
    return configMapFiles(object, projection(items, optional, defaultMode));
  }
  if (volume.secret !== undefined) {
    const { secretName = '', items, optional = false, defaultMode } = volume.secret;
    const object = await objects.secret(namespace, secretName, optional);
    return secretFiles(object, projection(items, optional, defaultMode));
  }
  if (volume.downwardAPI !== undefined) {
    const { items = [], defaultMode = DEFAULT_FILE_MODE } = volume.downwardAPI;
    return downwardFiles(items, defaultMode, pod, facts);
  }
  return volume.projected === undefined ? undefined : projectedFiles(volume.projected, input);
}

function projection<T>(items: T[] | undefined, optional: boolean, defaultMode?: number) {
  return {
    optional,
    defaultMode: defaultMode ?? DEFAULT_FILE_MODE,
    ...(items === undefined ? {} : { items }),
  };
}

async function projectedFiles(
  { sources, defaultMode = DEFAULT_FILE_MODE }: ProjectedVolumeSource,
  input: VolumeSourceInput,
): Promise<Files> {
  const files: Files = new Map();
  const problems: string[] = [];
  for (const [index, source] of (sources ?? []).entries()) {
    try {
      for (const [path, file] of await oneProjection(source, { index, defaultMode }, input))
        files.set(path, file);
    } catch (error) {
      problems.push(plainMessage(error));
    }
  }
  if (problems.length > 0) throw new Error(aggregate(problems));
  return files;
}

async function oneProjection(
  source: VolumeProjection,
  { index, defaultMode }: { readonly index: number; readonly defaultMode: number },
  input: VolumeSourceInput,
): Promise<Files> {
  const { pod, facts, objects, tokens, trustBundles } = input;
  const namespace = pod.metadata?.namespace ?? '';
  if (source.configMap !== undefined) {
    const { name = '', items, optional = false } = source.configMap;
    const object = await objects.configMap(namespace, name, optional);
    return configMapFiles(object, projection(items, optional, defaultMode));
  }
  if (source.secret !== undefined) {
    const { name = '', items, optional = false } = source.secret;
    const object = await objects.secret(namespace, name, optional);
    return secretFiles(object, projection(items, optional, defaultMode));
  }
  if (source.downwardAPI !== undefined) {
    return downwardFiles(source.downwardAPI.items ?? [], defaultMode, pod, facts);
  }
  if (source.clusterTrustBundle !== undefined) {
    const anchors = await trustBundles.anchors(pod.metadata?.uid ?? '', source.clusterTrustBundle);
    return new Map([[source.clusterTrustBundle.path, ownFile(anchors, pod, defaultMode)]]);
  }
  if (source.podCertificate !== undefined) {
    const { podCertificates, volume } = input;
    const credentials = podCertificates.credentials(pod, volume.name, index);
    const file = (text: string): FileProjection => ownFile(text, pod, defaultMode);
    return new Map(
      credentialTexts(source.podCertificate, credentials).map(([path, text]) => [path, file(text)]),
    );
  }
  if (source.serviceAccountToken === undefined) {
    throw new Error('projected volume has a source of an unknown kind');
  }
  const { path, audience = '', expirationSeconds } = source.serviceAccountToken;
  const token = await tokens.token({
    pod,
    audience,
    ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
  });
  return new Map([[path, ownFile(token, pod, defaultMode)]]);
}

/** The texts by path. */
function credentialTexts(
  { credentialBundlePath = '', keyPath = '', certificateChainPath = '' }: PodCertificateProjection,
  { key, certificateChain }: Credentials,
): [path: string, text: string][] {
  const texts: [path: string, text: string][] = [
    [credentialBundlePath, key + certificateChain],
    [keyPath, key],
    [certificateChainPath, certificateChain],
  ];
  return texts.filter(([path]) => path !== '');
}

/** Who runs as another user than root gets a file that nobody else can read. */
function ownFile(text: string, pod: Pod, defaultMode: number): FileProjection {
  const uid = commonUser(pod);
  const own = uid !== undefined || pod.spec?.securityContext?.fsGroup !== undefined;
  return {
    data: Buffer.from(text),
    mode: own ? 0o600 : defaultMode,
    ...(uid === undefined ? {} : { uid }),
  };
}

/** The user of all containers; undefined when they differ or none is named. */
function commonUser(pod: Pod): number | undefined {
  const { initContainers = [], containers = [], securityContext } = pod.spec ?? {};
  const users = [...initContainers, ...containers].map(
    (container) => container.securityContext?.runAsUser ?? securityContext?.runAsUser,
  );
  return new Set(users).size === 1 ? users[0] : undefined;
}

/** All ConfigMaps and Secrets that the pod refers to: what must be watched for it. */
export function objectReferences(pod: Pod): ObjectReferenceKey[] {
  const namespace = pod.metadata?.namespace ?? '';
  const found = new Map<string, ObjectReferenceKey>();
  const add = (kind: ObjectReferenceKey['kind'], name: string | undefined): void => {
    if (name !== undefined && name !== '') found.set(`${kind}/${name}`, { kind, namespace, name });
  };
  for (const { configMap, secret, projected } of pod.spec?.volumes ?? []) {
    add('ConfigMap', configMap?.name);
    add('Secret', secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add('ConfigMap', source.configMap?.name);
      add('Secret', source.secret?.name);
    }
  }
  return [...found.values()];
}
