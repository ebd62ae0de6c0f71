/**
 * Credentials with where they come from, and what is remembered of those that pulled an image.
 *
 * Pure. Source: KEP-2535. Upstream: pkg/credentialprovider/keyring.go (TrackedAuthConfig,
 * hashAuthConfig), pkg/kubelet/images/image_manager.go (trackedToImagePullCreds) and
 * pkg/kubelet/images/pullmanager/image_pull_manager.go, v1.36.
 */
import { createHash } from 'node:crypto';
import { escapeHtml } from '#api/codec/html.ts';
import type { RegistryCredentials } from './docker-config.ts';
import type {
  ImagePullCredentials,
  ImagePulledRecord,
  ImagePullSecret,
  ObjectCoordinates,
} from './image-pull-records.ts';

/** Absent: every pod of the node may use them. */
export type CredentialSource =
  | { readonly secret: ObjectCoordinates }
  | { readonly serviceAccount: ObjectCoordinates };

export interface TrackedCredentials extends RegistryCredentials {
  readonly source?: CredentialSource;
}

/** From so many on, secrets that only match a record are not added to it any more. */
const WRITE_WHILE_MATCHING_LIMIT = 100;
/**
 * So many secrets, service accounts and names of one image are remembered at most. What there is no
 * room for is forgotten: it is verified again.
 */
const REMEMBERED_MAX = 1000;

/** What is remembered of a pull with these; undefined: it was anonymous. */
export function pulledWith(credentials: TrackedCredentials | undefined): ImagePullCredentials {
  const source = credentials?.source;
  if (credentials === undefined || source === undefined) return { nodePodsAccessible: true };
  return 'secret' in source
    ? { kubernetesSecrets: [pullSecret(credentials, source.secret)] }
    : { kubernetesServiceAccounts: [source.serviceAccount] };
}

function pullSecret(credentials: RegistryCredentials, of: ObjectCoordinates): ImagePullSecret {
  return { ...coordinates(of), credentialHash: credentialHash(credentials) };
}

/** Of the JSON text of Go, without what is empty. */
function credentialHash({ username, password }: RegistryCredentials): string {
  const text = JSON.stringify({
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
  });
  return createHash('sha256').update(escapeHtml(text)).digest('hex');
}

/** `remember`: the record lacks this secret, though it may use the image. */
export type Match = 'refused' | 'allowed' | { readonly remember: ImagePullSecret };

/** Whether who has the `offered` credentials may use what was pulled with the `recorded` ones. */
export function matchCredentials(
  recorded: ImagePullCredentials,
  offered: readonly TrackedCredentials[],
): Match {
  const { kubernetesSecrets: secrets = [], kubernetesServiceAccounts: accounts = [] } = recorded;
  if (recorded.nodePodsAccessible === true) return 'allowed';
  const hasRoom = secrets.length < WRITE_WHILE_MATCHING_LIMIT;
  for (const credentials of offered) {
    const { source } = credentials;
    if (source === undefined || !('secret' in source)) continue;
    const own = pullSecret(credentials, source.secret);
    for (const known of secrets) {
      const isSameHash = known.credentialHash === own.credentialHash;
      const isSameSecret = keyOf(known) === keyOf(own);
      if (isSameHash) return isSameSecret || !hasRoom ? 'allowed' : { remember: own };
      // Its content has changed: whose image it was may still use it.
      if (isSameSecret && hasRoom) return { remember: own };
    }
  }
  const account = offered
    .map(({ source }) => source)
    .find((source) => source !== undefined && 'serviceAccount' in source);
  const isKnown =
    account !== undefined &&
    'serviceAccount' in account &&
    accounts.some((known) => keyOf(known) === keyOf(account.serviceAccount));
  return isKnown ? 'allowed' : 'refused';
}

/**
 * The record with what the image was pulled with now; the same record where nothing is new.
 * `repository`: registry and path of the image; `credentials` undefined: it is not known.
 */
export function withCredentials(
  record: ImagePulledRecord,
  repository: string,
  credentials: ImagePullCredentials | undefined,
): ImagePulledRecord {
  const { credentialMapping = {} } = record;
  const before = credentialMapping[repository];
  const after = credentials === undefined ? before : merged(before ?? {}, credentials);
  if (after === undefined || after === before) return record;
  const others = Object.entries(credentialMapping).filter(([name]) => name !== repository);
  const kept = others.slice(Math.max(0, others.length + 1 - REMEMBERED_MAX));
  return { ...record, credentialMapping: Object.fromEntries([...kept, [repository, after]]) };
}

function merged(before: ImagePullCredentials, add: ImagePullCredentials): ImagePullCredentials {
  if (before.nodePodsAccessible === true) return before;
  if (add.nodePodsAccessible === true) return { nodePodsAccessible: true };
  const { kubernetesSecrets: secrets = [], kubernetesServiceAccounts: accounts = [] } = before;
  const [secret] = add.kubernetesSecrets ?? [];
  const [account] = add.kubernetesServiceAccounts ?? [];
  if (secret !== undefined) {
    const known = secrets.find((one) => keyOf(one) === keyOf(secret));
    return known?.credentialHash === secret.credentialHash
      ? before
      : { ...before, kubernetesSecrets: withOne(secrets, secret) };
  }
  if (account === undefined || accounts.some((one) => keyOf(one) === keyOf(account))) return before;
  return { ...before, kubernetesServiceAccounts: withOne(accounts, coordinates(account)) };
}

/** In order of namespace, name and uid. */
function withOne<T extends ObjectCoordinates>(all: readonly T[], one: T): T[] {
  const others = all.filter((other) => keyOf(other) !== keyOf(one));
  const kept = others.slice(Math.max(0, others.length + 1 - REMEMBERED_MAX));
  return [...kept, one].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function coordinates({ uid, namespace, name }: ObjectCoordinates): ObjectCoordinates {
  return { uid, namespace, name };
}

/** No part has a space, which is less than every character that it may have. */
function keyOf({ uid, namespace, name }: ObjectCoordinates): string {
  return `${namespace} ${name} ${uid}`;
}
