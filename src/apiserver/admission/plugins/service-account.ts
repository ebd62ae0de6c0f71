/**
 * ServiceAccount: each pod runs as a service account that exists, with its token mounted.
 *
 * Source: upstream plugin/pkg/admission/serviceaccount; KEP-1205 for the projected token.
 */
import type {
  Container,
  EphemeralContainer,
  Pod,
  ServiceAccount,
  Volume,
} from '#api/gen/core-v1.ts';
import { allContainers, isMirrorPod, podReferences } from '#api/core/pod-references.ts';
import { generateName } from '../../registry/names.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PODS, SERVICE_ACCOUNTS } from '../targets.ts';
import { whenFound } from '../wait.ts';

const DEFAULT_ACCOUNT = 'default';
const VOLUME_PREFIX = 'kube-api-access-';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An hour and 7 s: the odd number tells tokens that the server mounted from others. */
const TOKEN_SECONDS = 3607;
const FILE_MODE = 0o644;
const ENFORCE_SECRETS = 'kubernetes.io/enforce-mountable-secrets';
/** A namespace gets its default account from a controller, a moment after it was made. */
const DEFAULT_ACCOUNT_WAIT_MS = 1_500;

export function serviceAccount(services: AdmissionServices): AdmissionPlugin {
  const { reader, environment } = services;

  const find = async (attributes: Attributes, name: string): Promise<ServiceAccount> => {
    const { namespace } = attributes;
    const read = (): ServiceAccount | undefined =>
      reader.get(SERVICE_ACCOUNTS, namespace, name) as ServiceAccount | undefined;
    let account = read();
    if (account === undefined) {
      await reader.catchUp();
      account =
        name === DEFAULT_ACCOUNT
          ? await whenFound(services, DEFAULT_ACCOUNT_WAIT_MS, read)
          : read();
    }
    if (account !== undefined) return account;
    const wrong = `serviceaccount ${JSON.stringify(name)} not found`;
    throw refusal(attributes, `error looking up service account ${namespace}/${name}: ${wrong}`);
  };

  const validate = async (attributes: Attributes): Promise<void> => {
    const pod = podOf(attributes);
    if (pod === undefined) return;
    const ephemeral =
      attributes.operation === 'UPDATE' && attributes.subresource === 'ephemeralcontainers';
    if (attributes.operation !== 'CREATE' && !ephemeral) return;
    if (!ephemeral && isMirrorPod(pod)) {
      checkMirrorPod(attributes, pod);
      return;
    }
    const name = pod.spec?.serviceAccountName ?? '';
    if (name === '') {
      const path = `${attributes.namespace}/${pod.metadata?.name ?? ''}`;
      throw refusal(attributes, `no service account specified for pod ${path}`);
    }
    const account = await find(attributes, name);
    if (!enforcesSecrets(account)) return;
    const wrong = ephemeral ? forbiddenEphemeral(account, pod) : forbiddenReference(account, pod);
    if (wrong !== undefined) throw refusal(attributes, wrong);
  };

  return {
    name: 'ServiceAccount',
    // As upstream, it judges what it has filled in at once: before the object is looked at as a whole.
    async admit(attributes) {
      const pod = podOf(attributes);
      if (pod?.spec === undefined || attributes.operation !== 'CREATE') return;
      if (isMirrorPod(pod)) return validate(attributes);
      const name = pod.spec.serviceAccountName || DEFAULT_ACCOUNT;
      pod.spec.serviceAccountName = name;
      pod.spec.serviceAccount = name;
      const account = await find(attributes, name);
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) {
        mountToken(pod, () => generateName(VOLUME_PREFIX, environment.random));
      }
      const pullSecrets = account.imagePullSecrets ?? [];
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && pullSecrets.length > 0) {
        pod.spec.imagePullSecrets = pullSecrets.map((secret) => ({ ...secret }));
      }
      await validate(attributes);
    },
    validate,
  };
}

function podOf(attributes: Attributes): Pod | undefined {
  const { subresource } = attributes;
  if (!isFor(attributes, PODS) || (subresource !== '' && subresource !== 'ephemeralcontainers'))
    return undefined;
  return attributes.object as Pod | undefined;
}

/** Adds the token volume to each container that mounts nothing at its path. */
function mountToken(pod: Pod, newName: () => string): void {
  const { spec } = pod;
  if (spec === undefined) return;
  const present = spec.volumes?.find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const name = present?.name ?? newName();
  const missing = [...(spec.initContainers ?? []), ...spec.containers].filter(
    (container) => !container.volumeMounts?.some((mount) => mount.mountPath === MOUNT_PATH),
  );
  for (const container of missing) {
    const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
    container.volumeMounts = [...(container.volumeMounts ?? []), mount];
  }
  if (present === undefined && missing.length > 0)
    spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function tokenVolume(name: string): Volume {
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' };
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef }] } },
      ],
      defaultMode: FILE_MODE,
    },
  };
}

function checkMirrorPod(attributes: Attributes, pod: Pod): void {
  const { secrets, serviceAccount: account } = podReferences(pod);
  if (account !== undefined)
    throw refusal(attributes, 'a mirror pod may not reference service accounts');
  if (secrets.size > 0) throw refusal(attributes, 'a mirror pod may not reference secrets');
  const projectsToken = (pod.spec?.volumes ?? []).some((volume) =>
    volume.projected?.sources.some((source) => source.serviceAccountToken !== undefined),
  );
  if (projectsToken)
    throw refusal(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
}

function enforcesSecrets(account: ServiceAccount): boolean {
  const value = account.metadata?.annotations?.[ENFORCE_SECRETS] ?? '';
  return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value);
}

function mountable(account: ServiceAccount): ReadonlySet<string | undefined> {
  return new Set(account.secrets?.map((secret) => secret.name));
}

/** The first secret that the pod uses and its account does not list, in upstream's words. */
function forbiddenReference(account: ServiceAccount, pod: Pod): string | undefined {
  const allowed = mountable(account);
  const name = account.metadata?.name ?? '';
  for (const { secret } of pod.spec?.volumes ?? []) {
    if (secret === undefined || allowed.has(secret.secretName)) continue;
    return `volume with secret.secretName="${secret.secretName ?? ''}" is not allowed because service account ${name} does not reference that secret`;
  }
  const wrong =
    forbiddenEnv('init container', pod.spec?.initContainers ?? [], account) ??
    forbiddenEnv('container', pod.spec?.containers ?? [], account);
  if (wrong !== undefined) return wrong;
  const pulls = new Set(account.imagePullSecrets?.map((secret) => secret.name));
  for (const [index, { name: pull = '' }] of (pod.spec?.imagePullSecrets ?? []).entries()) {
    if (pulls.has(pull)) continue;
    return `imagePullSecrets[${index}].name="${pull}" is not allowed because service account ${name} does not reference that imagePullSecret`;
  }
  return undefined;
}

function forbiddenEphemeral(account: ServiceAccount, pod: Pod): string | undefined {
  const ephemeral = new Set(pod.spec?.ephemeralContainers?.map((container) => container.name));
  const containers = allContainers(pod).filter((container) => ephemeral.has(container.name));
  return forbiddenEnv('ephemeral container', containers, account);
}

function forbiddenEnv(
  what: string,
  containers: readonly (Container | EphemeralContainer)[],
  account: ServiceAccount,
): string | undefined {
  const allowed = mountable(account);
  const because = `is not allowed because service account ${account.metadata?.name ?? ''} does not reference that secret`;
  for (const container of containers) {
    for (const variable of container.env ?? []) {
      const secret = variable.valueFrom?.secretKeyRef?.name;
      if (secret === undefined || allowed.has(secret)) continue;
      return `${what} ${container.name} with envVar ${variable.name} referencing secret.secretName="${secret}" ${because}`;
    }
    for (const source of container.envFrom ?? []) {
      const secret = source.secretRef?.name;
      if (secret === undefined || allowed.has(secret)) continue;
      return `${what} ${container.name} with envFrom referencing secret.secretName="${secret}" ${because}`;
    }
  }
  return undefined;
}
