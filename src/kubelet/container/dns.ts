/**
 * The resolv.conf of a pod, by its DNS policy.
 *
 * Source: Kubernetes documentation "DNS for Services and Pods" v1.36. Upstream:
 * pkg/kubelet/network/dns/dns.go.
 */
import type { Pod } from '#api/gen/core-v1.ts';

export interface ResolverConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface DnsSettings {
  /** Addresses of the cluster's DNS; without any, ClusterFirst is as Default. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Of the node. */
  readonly host: ResolverConfig;
}

/** What resolv.conf(5) takes. */
const SERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_CHARACTERS_MAX = 2048;
const CLUSTER_OPTIONS = ['ndots:5'];

export function podDns(pod: Pod, settings: DnsSettings): ResolverConfig {
  const base = baseDns(pod, settings);
  const extra = pod.spec?.dnsConfig;
  const options = new Map(base.options.map((option) => [option.split(':')[0] ?? '', option]));
  for (const { name = '', value } of extra?.options ?? []) {
    options.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  }
  return {
    servers: unique([...base.servers, ...(extra?.nameservers ?? [])]).slice(0, SERVERS_MAX),
    searches: fitting(unique([...base.searches, ...(extra?.searches ?? [])])),
    options: [...options.values()],
  };
}

function baseDns(pod: Pod, { clusterDns, clusterDomain, host }: DnsSettings): ResolverConfig {
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const cluster =
    policy === 'ClusterFirstWithHostNet' ||
    (policy === 'ClusterFirst' && pod.spec?.hostNetwork !== true);
  if (!cluster || clusterDns.length === 0) return host;
  const namespace = pod.metadata?.namespace ?? '';
  const searches = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return {
    servers: clusterDns,
    searches: [...searches, ...host.searches],
    options: CLUSTER_OPTIONS,
  };
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}

function fitting(searches: readonly string[]): string[] {
  const kept: string[] = [];
  let length = 0;
  for (const search of searches) {
    length += search.length + (kept.length === 0 ? 0 : 1);
    if (kept.length >= SEARCHES_MAX || length > SEARCH_CHARACTERS_MAX) break;
    kept.push(search);
  }
  return kept;
}

/** Reads resolv.conf(5): `nameserver`, `search` (the last one counts), `options`. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const [keyword, ...words] = trimmed.split(/\s+/);
    if (keyword === 'nameserver' && words[0] !== undefined) servers.push(words[0]);
    if (keyword === 'search') searches = words.map((word) => word.replace(/(.)\.$/, '$1'));
    if (keyword === 'options') options = words;
  }
  return { servers, searches, options };
}
