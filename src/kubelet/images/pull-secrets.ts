/**
 * Credentials for a registry from the pull secrets of a pod.
 *
 * Source: Kubernetes documentation "Images: Specifying imagePullSecrets" v1.36. Upstream:
 * pkg/credentialprovider/{config,keyring}.go.
 */
import type { Pod, Secret } from '#api/gen/core-v1.ts';
import type { ObjectSource } from '../object-source.ts';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** All that fit the image, the most specific first. Secrets that are not there are left out. */
export async function credentialsFor(
  pod: Pod,
  image: string,
  objects: ObjectSource,
): Promise<RegistryCredentials[]> {
  const found: { readonly key: string; readonly credentials: RegistryCredentials }[] = [];
  for (const { name = '' } of pod.spec?.imagePullSecrets ?? []) {
    const secret = await objects.secret(pod.metadata?.namespace ?? '', name, true);
    if (secret !== undefined) found.push(...entriesOf(secret));
  }
  return found
    .filter(({ key }) => fits(key, fullName(image)))
    .toSorted((a, b) => b.key.length - a.key.length)
    .map(({ credentials }) => credentials);
}

function entriesOf(secret: Secret) {
  const modern = secret.data?.['.dockerconfigjson'];
  const text = modern ?? secret.data?.['.dockercfg'];
  if (text === undefined) return [];
  const parsed = parse(Buffer.from(text, 'base64').toString());
  const auths = asObject(modern === undefined ? parsed : asObject(parsed)['auths']);
  return Object.entries(auths).flatMap(([key, value]) => {
    const { username, password, auth } = asObject(value);
    const credentials = readCredentials({ username, password, auth });
    const host = key.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '');
    return credentials === undefined ? [] : [{ key: host, credentials }];
  });
}

function readCredentials(entry: Record<string, unknown>): RegistryCredentials | undefined {
  const { username, password, auth } = entry;
  if (typeof username === 'string' && typeof password === 'string') return { username, password };
  if (typeof auth !== 'string') return undefined;
  const [user = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
  return { username: user, password: rest.join(':') };
}

/** A key is a host, perhaps with the beginning of a path; `*` stands for part of a host's name. */
function fits(key: string, image: string): boolean {
  const [host = '', ...path] = key.split('/');
  const [imageHost = '', ...imagePath] = image.split('/');
  const pattern = host
    .split('.')
    .map((label) => label.split('*').map(escape).join('[^.]*'))
    .join('\\.');
  const sameHost = new RegExp(`^${pattern}$`).test(imageHost);
  return sameHost && imagePath.join('/').startsWith(path.join('/'));
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasHost) return first === 'docker.io' ? `index.docker.io/${rest.join('/')}` : image;
  return `index.docker.io/${rest.length === 0 ? `library/${image}` : image}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  // JSON objects have string keys.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
