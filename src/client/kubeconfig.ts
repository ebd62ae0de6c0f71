/**
 * kubeconfig: how a client finds and enters a cluster. Pure: objects in, objects out; reading files
 * and YAML is the caller's.
 *
 * Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.
 */
import { trimEndOf } from '#base/trim.ts';

export interface Kubeconfig {
  readonly apiVersion: 'v1';
  readonly kind: 'Config';
  readonly clusters: readonly { readonly name: string; readonly cluster: KubeconfigCluster }[];
  readonly users: readonly { readonly name: string; readonly user: KubeconfigUser }[];
  readonly contexts: readonly { readonly name: string; readonly context: KubeconfigContext }[];
  readonly 'current-context': string;
  readonly preferences?: Readonly<Record<string, unknown>>;
}

export interface KubeconfigCluster {
  readonly server: string;
  /** base64 of PEM. */
  readonly 'certificate-authority-data'?: string;
  readonly 'certificate-authority'?: string;
  readonly 'tls-server-name'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
}

export interface KubeconfigUser {
  readonly 'client-certificate-data'?: string;
  readonly 'client-key-data'?: string;
  readonly 'client-certificate'?: string;
  readonly 'client-key'?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

export interface KubeconfigContext {
  readonly cluster: string;
  readonly user: string;
  readonly namespace?: string;
}

/** What is needed to connect; PEM as text. A `…File` member is a path that the caller must read. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  /** Before each path, without a slash at its end; usually empty. */
  readonly basePath: string;
  readonly tls: boolean;
  readonly serverName?: string;
  readonly insecureSkipVerify: boolean;
  readonly ca?: string;
  readonly caFile?: string;
  readonly cert?: string;
  readonly certFile?: string;
  readonly key?: string;
  readonly keyFile?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly namespace: string;
}

/** As whom one comes; PEM as text. A `…File` member is a path that the caller must read. */
export interface UserAccess
  extends Pick<Connection, 'cert' | 'certFile' | 'key' | 'keyFile' | 'token' | 'tokenFile'> {
  readonly username?: string;
  readonly password?: string;
  /** Whom the user acts as. */
  readonly as?: {
    readonly name: string;
    readonly uid?: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
}

export interface Users {
  readonly byName: ReadonlyMap<string, UserAccess>;
  /** The name of the one of the current context. */
  readonly current?: string;
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/** A kubeconfig for one cluster and one user with a client certificate. PEM texts in. */
export function buildKubeconfig(facts: {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly cluster: string;
  readonly user: string;
}): Kubeconfig {
  const context = `${facts.user}@${facts.cluster}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: facts.cluster,
        cluster: { server: facts.server, 'certificate-authority-data': encode(facts.ca) },
      },
    ],
    users: [
      {
        name: facts.user,
        user: {
          'client-certificate-data': encode(facts.cert),
          'client-key-data': encode(facts.key),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: facts.cluster, user: facts.user } }],
    'current-context': context,
  };
}

/**
 * The connection that `value` (a parsed kubeconfig) names by its current context, or by `context`.
 * Throws KubeconfigError.
 */
export function connectionOf(value: unknown, context?: string): Connection {
  const config = record(value, 'kubeconfig');
  const name = context ?? text(config['current-context']) ?? '';
  const chosen = named(config, 'contexts', 'context', name);
  const cluster = named(config, 'clusters', 'cluster', text(chosen['cluster']) ?? '');
  const userName = text(chosen['user']) ?? '';
  const user = userName === '' ? {} : named(config, 'users', 'user', userName);
  return {
    ...addressOf(text(cluster['server']) ?? ''),
    insecureSkipVerify: cluster['insecure-skip-tls-verify'] === true,
    namespace: text(chosen['namespace']) ?? 'default',
    ...optional('serverName', text(cluster['tls-server-name'])),
    ...optional('ca', decoded(cluster['certificate-authority-data'])),
    ...optional('caFile', text(cluster['certificate-authority'])),
    ...credentialsOf(user),
  };
}

/**
 * The users of `value` (a parsed kubeconfig), for whoever takes nothing else from it. Throws
 * KubeconfigError, also where one of them enters by a plug-in.
 */
export function usersOf(value: unknown): Users {
  const config = record(value, 'kubeconfig');
  const kind = text(config['kind']) ?? 'Config';
  if (kind !== 'Config') throw new KubeconfigError(`Cannot read kubeconfig: it is a ${kind}`);
  const byName = new Map<string, UserAccess>();
  for (const entry of entriesOf(config, 'users')) {
    const name = text(entry['name']) ?? '';
    if (byName.has(name))
      throw new KubeconfigError(`Cannot read kubeconfig: user ${JSON.stringify(name)} comes twice`);
    byName.set(name, userAccess(name, record(entry['user'] ?? {}, `users[${name}]`)));
  }
  const context = entriesOf(config, 'contexts').find(
    ({ name }) => name === text(config['current-context']),
  );
  const { user } = record(context?.['context'] ?? {}, 'contexts');
  return { byName, ...optional('current', text(user)) };
}

const TEXT_FIELDS = [
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'token',
  'tokenFile',
  'username',
  'password',
  'as',
  'as-uid',
];

function userAccess(user: string, fields: Fields): UserAccess {
  const fail = (what: string): never => {
    throw new KubeconfigError(`Cannot use user ${JSON.stringify(user)}: ${what}`);
  };
  for (const plugIn of ['exec', 'auth-provider'])
    if ((fields[plugIn] ?? undefined) !== undefined) fail(`${plugIn} is not supported`);
  for (const name of TEXT_FIELDS)
    if (!['string', 'undefined'].includes(typeof (fields[name] ?? undefined)))
      fail(`${name} must be a text`);
  const groups = fields['as-groups'] ?? [];
  if (!areTexts(groups)) return fail('as-groups must be a list of texts');
  const extra = record(fields['as-user-extra'] ?? {}, 'as-user-extra');
  if (!Object.values(extra).every(areTexts))
    return fail('as-user-extra must be a map of lists of texts');
  const access = {
    ...credentialsOf(fields),
    ...optional('username', text(fields['username'])),
    ...optional('password', text(fields['password'])),
  };
  const name = text(fields['as']);
  if (name === undefined) return access;
  const uid = optional('uid', text(fields['as-uid']));
  return { ...access, as: { name, ...uid, groups, extra: extra as Record<string, string[]> } };
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function credentialsOf(user: Fields): UserAccess {
  return {
    ...optional('cert', decoded(user['client-certificate-data'])),
    ...optional('certFile', text(user['client-certificate'])),
    ...optional('key', decoded(user['client-key-data'])),
    ...optional('keyFile', text(user['client-key'])),
    ...optional('token', text(user['token'])),
    ...optional('tokenFile', text(user['tokenFile'])),
  };
}

function addressOf(server: string): Pick<Connection, 'host' | 'port' | 'basePath' | 'tls'> {
  const url = URL.parse(server.includes('://') ? server : `http://${server}`);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new KubeconfigError(
      `Cannot use server ${JSON.stringify(server)}: not an http or https address`,
    );
  }
  const tls = url.protocol === 'https:';
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    basePath: trimEndOf(url.pathname, (character) => character === '/'),
    tls,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function named(config: Fields, list: string, member: string, name: string): Fields {
  const found = entriesOf(config, list).find((entry) => entry['name'] === name);
  if (found !== undefined) return record(found[member], `${list}[${name}]`);
  throw new KubeconfigError(`Cannot find ${member} ${JSON.stringify(name)}: not among ${list}`);
}

function entriesOf(config: Fields, list: string): Fields[] {
  const entries: unknown = config[list];
  return (Array.isArray(entries) ? entries : []).map((entry) => record(entry, list));
}

function record(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new KubeconfigError(`Cannot read ${what}: must be a map`);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function encode(pem: string): string {
  return Buffer.from(pem).toString('base64');
}

function decoded(value: unknown): string | undefined {
  const base64 = text(value);
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8');
}

function optional<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]?: V });
}
