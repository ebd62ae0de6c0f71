/**
 * The configuration of cluster DNS: the data of one ConfigMap, in the keys of kube-dns's
 * (`stubDomains`, `upstreamNameservers`) and two more. Pure. Described in docs/cluster-dns.md.
 */
import { parseIp } from '#base/ip.ts';
import { messageOf } from '#base/error.ts';
import type { Hosts } from './hosts.ts';
import { canonicalAddress } from './names.ts';
import { parseUpstream, type UpstreamAddress } from './upstream-address.ts';

/** Servers of one domain: as many as CoreDNS's plug-in `forward` takes. */
const SERVERS_MAX = 15;
const DOMAINS_MAX = 200;
const HOSTS_MAX = 5_000;
/** Seconds: as long as CoreDNS's plug-in `cache` keeps an answer at most. */
const CACHE_SECONDS_MAX = 3_600;
/** Seconds, as kubeadm configures CoreDNS. */
const CACHE_SECONDS_DEFAULT = 30;
const KEYS = ['stubDomains', 'upstreamNameservers', 'cacheSeconds', 'hosts'];
/** A name of letters, digits, "-" and "_", in at most 253 characters. */
const DOMAIN =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

export interface DnsConfig {
  /** Servers of a domain and all below it; the longest domain counts. */
  readonly stubDomains: ReadonlyMap<string, readonly UpstreamAddress[]>;
  /** Servers of all other names; undefined: those of the node. */
  readonly upstreamNameservers: readonly UpstreamAddress[] | undefined;
  readonly cacheSeconds: number;
  readonly hosts: Hosts;
}

export const DEFAULT_CONFIG: DnsConfig = {
  stubDomains: new Map(),
  upstreamNameservers: undefined,
  cacheSeconds: CACHE_SECONDS_DEFAULT,
  hosts: new Map(),
};

/** What is wrong with the data; the message names the key and says what is expected. */
class ConfigError extends Error {
  constructor(key: string, problem: string) {
    super(`${key}: ${problem}`);
    this.name = 'ConfigError';
  }
}

export interface ConfigOptions {
  /** Names that stay the cluster's. */
  readonly clusterDomain: string;
  /** Where this server answers: asking itself would be a loop. */
  readonly ownAddresses: readonly string[];
}

/** The configuration in the data of a ConfigMap. Throws a ConfigError. */
export function parseConfig(
  data: Readonly<Record<string, string>>,
  options: ConfigOptions,
): DnsConfig {
  for (const key of Object.keys(data))
    if (!KEYS.includes(key)) throw new ConfigError(key, `not a key; there are ${KEYS.join(', ')}`);
  const { stubDomains, upstreamNameservers, cacheSeconds, hosts } = data;
  return {
    stubDomains: domainsOf(stubDomains, options),
    upstreamNameservers: isBlank(upstreamNameservers)
      ? undefined
      : serversOf(
          'upstreamNameservers',
          valueOf('upstreamNameservers', upstreamNameservers),
          options,
        ),
    cacheSeconds: isBlank(cacheSeconds) ? CACHE_SECONDS_DEFAULT : secondsOf(cacheSeconds),
    hosts: hostsOf(hosts ?? ''),
  };
}

/** The servers of a name: those of the longest stub domain that it is in; undefined: of none. */
export function stubServersOf(
  { stubDomains }: DnsConfig,
  name: string,
): readonly UpstreamAddress[] | undefined {
  if (stubDomains.size === 0) return undefined;
  for (let rest = name; ; ) {
    const servers = stubDomains.get(rest);
    if (servers !== undefined) return servers;
    const dot = rest.indexOf('.');
    if (dot < 0) return undefined;
    rest = rest.slice(dot + 1);
  }
}

function isBlank(text: string | undefined): text is undefined {
  return text === undefined || text.trim() === '';
}

function valueOf(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(key, `not JSON: ${messageOf(error)}`);
  }
}

function domainsOf(text: string | undefined, options: ConfigOptions): DnsConfig['stubDomains'] {
  if (isBlank(text)) return new Map();
  const value = valueOf('stubDomains', text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError('stubDomains', 'must be an object: domain to list of servers');
  const entries = Object.entries(value);
  if (entries.length > DOMAINS_MAX)
    throw new ConfigError('stubDomains', `has ${entries.length} domains; at most ${DOMAINS_MAX}`);
  return new Map(
    entries.map(([written, servers]) => {
      const domain = written.toLowerCase().replace(/\.$/, '');
      const key = `stubDomains[${JSON.stringify(written)}]`;
      if (!DOMAIN.test(domain)) throw new ConfigError(key, 'not a domain name');
      if (domain === options.clusterDomain || domain.endsWith(`.${options.clusterDomain}`))
        throw new ConfigError(key, 'names of the cluster are answered by the cluster');
      return [domain, serversOf(key, servers, options)] as const;
    }),
  );
}

function serversOf(
  key: string,
  value: unknown,
  { ownAddresses }: ConfigOptions,
): UpstreamAddress[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new ConfigError(key, 'must be a list of at least one server');
  if (value.length > SERVERS_MAX)
    throw new ConfigError(key, `has ${value.length} servers; at most ${SERVERS_MAX}`);
  return value.map((text: unknown) => {
    const server = typeof text === 'string' ? parseUpstream(text.trim()) : undefined;
    if (server === undefined)
      throw new ConfigError(
        key,
        `${JSON.stringify(text)} is not an address, with or without a port`,
      );
    if (ownAddresses.includes(server.host))
      throw new ConfigError(key, `${JSON.stringify(text)} is the cluster's own DNS: a loop`);
    return server;
  });
}

function secondsOf(text: string): number {
  const trimmed = text.trim();
  const seconds = Number(trimmed);
  if (!/^\d+$/.test(trimmed) || seconds > CACHE_SECONDS_MAX)
    throw new ConfigError('cacheSeconds', `must be a whole number from 0 to ${CACHE_SECONDS_MAX}`);
  return seconds;
}

function hostsOf(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const [index, line] of text.split('\n').entries()) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === '') continue;
    const key = `hosts, line ${index + 1}`;
    if (parseIp(address) === undefined || names.length === 0)
      throw new ConfigError(key, 'must be an address and names');
    for (const written of names) {
      const name = written.toLowerCase().replace(/\.$/, '');
      if (!DOMAIN.test(name))
        throw new ConfigError(key, `${JSON.stringify(written)} is not a name`);
      const known = hosts.get(name);
      if (known === undefined) hosts.set(name, [canonicalAddress(address)]);
      else known.push(canonicalAddress(address));
    }
    if (hosts.size > HOSTS_MAX) throw new ConfigError('hosts', `more than ${HOSTS_MAX} names`);
  }
  return hosts;
}
