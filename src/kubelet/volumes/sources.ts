/**
 * The files of a volume that the kubelet writes: where they come from.
 *
 * Source: API reference v1.36, ConfigMap, Secret, DownwardAPI and Projected volume sources.
 * Upstream: pkg/volume/projected/projected.go.
 */
import type { Pod, ProjectedVolumeSource, Volume, VolumeProjection } from '#api/gen/core-v1.ts';
import type { DownwardFacts } from '../container/downward.ts';
import type { ObjectReferenceKey, ObjectSource } from '../object-source.ts';
import type { FileProjection } from './atomic-writer.ts';
import { configMapFiles, DEFAULT_FILE_MODE, downwardFiles, secretFiles } from './payload.ts';
import type { TokenSource } from './tokens.ts';
import type { TrustAnchorSource } from './trust-bundles.ts';

export interface VolumeSourceInput {
  readonly pod: Pod;
  readonly volume: Volume;
  readonly facts: DownwardFacts;
  readonly objects: ObjectSource;
  readonly tokens: TokenSource;
  readonly trustBundles: TrustAnchorSource;
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
  for (const source of sources ?? []) {
    for (const [path, file] of await oneProjection(source, defaultMode, input)) {
      files.set(path, file);
    }
  }
  return files;
}

async function oneProjection(
  source: VolumeProjection,
  defaultMode: number,
  { pod, facts, objects, tokens, trustBundles }: VolumeSourceInput,
): Promise<Files> {
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
