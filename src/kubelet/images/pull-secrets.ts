/**
 * Credentials for registries from the pull secrets of a pod.
 *
 * Source: Kubernetes documentation "Images: Specifying imagePullSecrets" v1.36. Upstream:
 * pkg/credentialprovider/secrets/secrets.go, pkg/kubelet/kubelet_pods.go
 * (getPullSecretsForPod).
 */
import type { Pod, Secret } from '#api/gen/core-v1.ts';
import type { ObjectSource } from '../object-source.ts';
import { type DockerConfig, readDockerConfigJson, readDockercfg } from './docker-config.ts';
import type { TrackedConfig } from './keyring.ts';

/** The key that counts in a Secret of this type, and how it is read. */
const FORMS: Readonly<
  Record<string, { readonly key: string; readonly read: (text: string) => DockerConfig }>
> = {
  'kubernetes.io/dockerconfigjson': { key: '.dockerconfigjson', read: readDockerConfigJson },
  'kubernetes.io/dockercfg': { key: '.dockercfg', read: readDockercfg },
};

export interface PullSecrets {
  /** In the order in which the pod names them. */
  readonly configs: readonly TrackedConfig[];
  /** Names of those that could not be had. */
  readonly missing: readonly string[];
}

/**
 * Secrets of other types are left out. Rejects for one that cannot be read, with an Error that shows
 * nothing of it.
 */
export async function pullSecretsOf(pod: Pod, objects: ObjectSource): Promise<PullSecrets> {
  const configs: TrackedConfig[] = [];
  const missing: string[] = [];
  for (const { name = '' } of pod.spec?.imagePullSecrets ?? []) {
    // The API lets empty names in; they mean nothing.
    if (name === '') continue;
    const secret = await objects
      .secret(pod.metadata?.namespace ?? '', name, true)
      .catch(() => undefined);
    if (secret === undefined) missing.push(name);
    else configs.push(...configOf(secret));
  }
  return { configs, missing };
}

function configOf({ type = '', data, metadata = {} }: Secret): TrackedConfig[] {
  const form = FORMS[type];
  const text = form === undefined ? undefined : data?.[form.key];
  if (form === undefined || text === undefined || text === '') return [];
  const { uid = '', namespace = '', name = '' } = metadata;
  const config = form.read(Buffer.from(text, 'base64').toString());
  return [{ config, source: { secret: { uid, namespace, name } } }];
}
