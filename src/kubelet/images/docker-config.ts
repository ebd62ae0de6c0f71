/**
 * The files in which docker keeps credentials of registries, in both forms: `config.json`, which is
 * also that of Secrets of type `kubernetes.io/dockerconfigjson`, and the older `.dockercfg`.
 *
 * Pure. Source: Kubernetes documentation "Images: config.json" v1.36. Upstream:
 * pkg/credentialprovider/config.go.
 */

/** As a runtime takes them. */
export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** By what they are for: a registry, perhaps with the beginning of a path, as it was written. */
export type DockerConfig = ReadonlyMap<string, RegistryCredentials>;

/** `{"auths": {"registry.example": {"auth": "…"}}}`. Throws an Error that shows nothing of it. */
export function readDockerConfigJson(text: string): DockerConfig {
  return entriesOf(asObject(asObject(parsed(text))['auths'] ?? {}));
}

/** The same without `auths` around it. Throws an Error that shows nothing of it. */
export function readDockercfg(text: string): DockerConfig {
  return entriesOf(asObject(parsed(text)));
}

/** Those that hold neither a name nor `auth` are for a helper of docker's, and left out. */
function entriesOf(auths: Record<string, unknown>): DockerConfig {
  const found = new Map<string, RegistryCredentials>();
  for (const [key, value] of Object.entries(auths)) {
    const { username, password, auth } = asObject(value ?? {});
    if (auth !== undefined && auth !== '') found.set(key, readAuth(auth));
    else if (typeof username === 'string' && username !== '')
      found.set(key, { username, password: typeof password === 'string' ? password : '' });
  }
  return found;
}

/** Base64 of `name:password`, with its padding or without; it goes before the other fields. */
function readAuth(auth: unknown): RegistryCredentials {
  const text =
    typeof auth === 'string' && /^[A-Za-z0-9+/\r\n]*={0,2}$/.test(auth.trimEnd())
      ? Buffer.from(auth, 'base64').toString()
      : '';
  const colon = text.indexOf(':');
  if (colon < 0)
    throw new Error('unable to parse auth field, must be formatted as base64(username:password)');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse shows the text, and that is secret.
    throw malformed();
  }
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  // JSON objects have string keys.
  return value as Record<string, unknown>;
}

function malformed(): Error {
  return new Error('error occurred while trying to unmarshal json');
}
