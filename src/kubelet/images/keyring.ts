/**
 * Which credentials are for an image, and in which order they are tried.
 *
 * Pure. Source: Kubernetes documentation "Images: config.json" v1.36 (how hosts, ports and paths are
 * compared). Upstream: pkg/credentialprovider/keyring.go.
 */
import type { DockerConfig } from './docker-config.ts';
import type { CredentialSource, TrackedCredentials } from './tracked-credentials.ts';

const DEFAULT_REGISTRY = 'index.docker.io';
const DEFAULT_REGISTRY_NAMES: ReadonlySet<string> = new Set(['docker.io', DEFAULT_REGISTRY]);

export interface TrackedConfig {
  readonly config: DockerConfig;
  /** Absent: every pod of the node may use them. */
  readonly source?: CredentialSource;
}

/** Credentials from one kind of source. */
export class Keyring {
  readonly #byKey = new Map<string, TrackedCredentials[]>();

  /** Of two for the same key, what was added first is tried first. */
  constructor(configs: readonly TrackedConfig[]) {
    for (const { config, ...source } of configs)
      for (const [written, credentials] of config) {
        const key = keyOf(written);
        const tracked = { ...credentials, ...source };
        this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), tracked]);
      }
  }

  /** `repository`: with its registry, without tag. The longest of keys that begin alike first. */
  lookup(repository: string): TrackedCredentials[] {
    const found = [...this.#byKey.keys()]
      .toSorted((one, other) => (one < other ? 1 : -1))
      .filter((key) => matchesImage(key, repository))
      .flatMap((key) => this.#byKey.get(key) ?? []);
    if (found.length > 0) return found;
    const [host = ''] = repository.split('/', 1);
    return DEFAULT_REGISTRY_NAMES.has(host) ? (this.#byKey.get(DEFAULT_REGISTRY) ?? []) : [];
  }
}

/** Docker writes `https://index.docker.io/v1/` for a host. */
function keyOf(written: string): string {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(.*)$/s.exec(written) ?? [];
  const rest = path.replace(/^\/v[12](?=\/)/, '');
  return rest === '/' ? host : host + rest;
}

/**
 * Whether the image is one of `pattern`: the same port, as many labels of the host, where `*` stands
 * for any part of one, and the path of the pattern is how that of the image begins.
 */
export function matchesImage(pattern: string, image: string): boolean {
  const [wanted, given] = [readMatch(pattern), readMatch(image)];
  if (wanted === undefined || given === undefined) return false;
  return (
    wanted.port === given.port &&
    wanted.labels.length === given.labels.length &&
    given.path.startsWith(wanted.path) &&
    wanted.labels.every((label, at) => matchesLabel(label, given.labels[at] ?? ''))
  );
}

interface Match {
  readonly labels: readonly string[];
  readonly port: string;
  readonly path: string;
}

/** Undefined for what cannot be the beginning of a URL. */
export function readMatch(text: string): Match | undefined {
  const [, host = '', port = '', path = ''] =
    /^(\[[0-9a-fA-F:.]+\]|[^\s:/?#[\]@%<>"\\^`{|}]*)(?::(\d*))?(\/[^\s?#]*)?$/.exec(text) ?? [];
  if (host === '') return undefined;
  const badEscape = /%(?![0-9a-fA-F]{2})/.test(path);
  return badEscape ? undefined : { labels: host.split('.'), port, path };
}

/** `*` stands for anything within the label, also for nothing. Each part is looked for once. */
function matchesLabel(pattern: string, label: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return pattern === label;
  if (!label.startsWith(first) || !label.endsWith(last)) return false;
  let at = first.length;
  for (const part of others) {
    at = label.indexOf(part, at);
    if (at < 0) return false;
    at += part.length;
  }
  return at + last.length <= label.length;
}
