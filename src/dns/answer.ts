/**
 * What the cluster's DNS answers: a question and a view of the cluster in, records out. Pure.
 *
 * Source: the Kubernetes DNS specification, version 1.1.0
 * (https://github.com/kubernetes/dns/blob/master/docs/specification.md); where it leaves a choice,
 * that of CoreDNS's plug-in `kubernetes` (pod names of any address in an existing namespace, dashed
 * names of endpoints, weights). Different from CoreDNS, on purpose: a name that exists without
 * records (a headless Service without endpoints, `_tcp.web…`) is no NXDOMAIN (RFC 8020), and reverse
 * names of the cluster's own addresses are not asked for elsewhere.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import {
  addressBytes,
  addressOfDashedName,
  addressOfReverseName,
  canonicalAddress,
  dashedName,
  REVERSE_ZONES,
} from './names.ts';
import { type DnsRecord, RCODE, type RecordData, TYPE } from './wire.ts';

const SPECIFICATION = '1.1.0';
/** Seconds: the version of a schema does not change while a server runs. */
const SPECIFICATION_TTL = 28_800;
/** Seconds; the SOA record itself is kept no longer. */
const SOA_TTL_MAX = 300;
/** SRV weights of the targets of one name add up to about this. */
const SRV_WEIGHT_SUM = 100;

/** The cluster as the answers need it, from caches. Names in lower case. */
export interface ClusterView {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, name: string): readonly EndpointSlice[];
  hasNamespace(name: string): boolean;
  /** Services that have this cluster address. */
  servicesAt(address: string): readonly Service[];
  /** Slices that have an endpoint with this address. */
  slicesAt(address: string): readonly EndpointSlice[];
}

export interface Zone {
  /** `cluster.local`. */
  readonly domain: string;
  /** Where this server answers: the addresses of its own name `ns.dns.<domain>`. */
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** Whether an address is the cluster's own, so that nobody else knows its reverse name `name`. */
  owns(address: string, name: string): boolean;
}

export interface Question {
  /** Lower case, without the dot at its end. */
  readonly name: string;
  readonly type: number;
}

export type Answer =
  /** Not of the cluster: somebody else's to answer. */
  | { readonly kind: 'forward' }
  | {
      readonly kind: 'records';
      readonly rcode: number;
      readonly answers: readonly DnsRecord[];
      readonly authority: readonly DnsRecord[];
      readonly additional: readonly DnsRecord[];
    }
  /** An ExternalName: `record` is the CNAME, what it points at is to be asked next. */
  | { readonly kind: 'alias'; readonly record: DnsRecord; readonly target: string };

/** The answer to one question. `serial` counts changes of the zone (seconds of the clock will do). */
export function answer(question: Question, zone: Zone, view: ClusterView, serial: number): Answer {
  const { name } = question;
  const context = { question, zone, view, serial };
  if (name === zone.domain) return apex(context);
  if (name.endsWith(`.${zone.domain}`)) {
    const labels = name.slice(0, -zone.domain.length - 1).split('.');
    return inZone(context, labels);
  }
  const reversed = addressOfReverseName(name);
  return reversed === undefined ? { kind: 'forward' } : reverse(context, reversed);
}

interface Context {
  readonly question: Question;
  readonly zone: Zone;
  readonly view: ClusterView;
  readonly serial: number;
}

function inZone(context: Context, labels: readonly string[]): Answer {
  const kind = labels.at(-1);
  const rest = labels.slice(0, -1);
  if (kind === 'svc') return serviceName(context, rest);
  if (kind === 'pod') return podName(context, rest);
  if (kind === 'dns-version' && rest.length === 0) {
    return found(
      context,
      context.question.type === TYPE.TXT
        ? [
            {
              ...record(context, { type: TYPE.TXT, text: SPECIFICATION }),
              ttlSeconds: SPECIFICATION_TTL,
            },
          ]
        : [],
    );
  }
  if (kind === 'dns' && rest.length === 0) return noData(context);
  if (kind === 'dns' && rest.length === 1 && rest[0] === 'ns')
    return found(context, addresses(context, context.zone.addresses));
  return notFound(context);
}

function apex(context: Context): Answer {
  const { question, zone } = context;
  if (question.type === TYPE.SOA) return found(context, [soa(context)]);
  if (question.type !== TYPE.NS) return noData(context);
  const servers = zone.addresses.map((address) => ({
    address,
    target: serverName(context, address),
  }));
  const targets = new Set(servers.map(({ target }) => target));
  return {
    kind: 'records',
    rcode: RCODE.noError,
    answers: [...targets].map((target) => record(context, { type: TYPE.NS, target })),
    authority: [],
    additional: servers.flatMap(({ address, target }) =>
      addressRecords(context, target, [address], TYPE.ANY),
    ),
  };
}

/** The Service that has the server's address, or the name that the server always has. */
function serverName({ view, zone }: Context, address: string): string {
  const [service] = view.servicesAt(address);
  return service === undefined ? `ns.dns.${zone.domain}` : serviceDomain(service, zone);
}

function serviceDomain({ metadata }: Service, { domain }: Zone): string {
  return `${metadata?.name}.${metadata?.namespace}.svc.${domain}`;
}

/** `labels`: what stands before `svc`. */
function serviceName(context: Context, labels: readonly string[]): Answer {
  const namespace = labels.at(-1);
  if (namespace === undefined) return noData(context);
  const name = labels.at(-2);
  if (name === undefined)
    return context.view.hasNamespace(namespace) ? noData(context) : notFound(context);
  const service = context.view.service(namespace, name);
  if (service === undefined) return notFound(context);
  const target: Target = { service, namespace, name };
  const [first = '', second = ''] = labels;
  if (labels.length === 2) return wholeService(context, target);
  if (service.spec?.type === 'ExternalName') return notFound(context);
  if (labels.length === 3)
    return first.startsWith('_')
      ? protocolName(context, target, first)
      : endpointName(context, target, first);
  if (labels.length === 4 && first.startsWith('_') && second.startsWith('_')) {
    return portName(context, target, { name: first.slice(1), protocol: second.slice(1) });
  }
  return notFound(context);
}

interface Target {
  readonly service: Service;
  readonly namespace: string;
  readonly name: string;
}

function wholeService(context: Context, target: Target): Answer {
  const { service } = target;
  if (service.spec?.type === 'ExternalName') {
    const external = (service.spec.externalName ?? '').replace(/\.$/, '').toLowerCase();
    if (addressBytes(external) !== undefined || external === '') return noData(context);
    return {
      kind: 'alias',
      record: record(context, { type: TYPE.CNAME, target: external }),
      target: external,
    };
  }
  if (context.question.type === TYPE.SRV) return servers(context, hostsOf(context, target));
  const all = isHeadless(service)
    ? endpoints(context, target).map((endpoint) => endpoint.address)
    : clusterAddresses(service);
  return found(context, addresses(context, [...new Set(all)]));
}

/** `_tcp.web.default.svc`: exists, and has no records, when there is a named port of the protocol. */
function protocolName(context: Context, target: Target, label: string): Answer {
  const exists = hostsOf(context, target).some(
    ({ port }) => port.name !== '' && `_${port.protocol}` === label,
  );
  return exists ? noData(context) : notFound(context);
}

/** `web-0.web.default.svc`: an endpoint by its hostname, or by its dashed address. */
function endpointName(context: Context, target: Target, hostname: string): Answer {
  const own = endpoints(context, target).filter((endpoint) => endpoint.hostname === hostname);
  if (own.length === 0) return notFound(context);
  return found(context, addresses(context, [...new Set(own.map((endpoint) => endpoint.address))]));
}

function portName(
  context: Context,
  target: Target,
  wanted: { name: string; protocol: string },
): Answer {
  const hosts = hostsOf(context, target).filter(
    ({ port }) => port.name === wanted.name && port.protocol === wanted.protocol,
  );
  if (hosts.length === 0 || wanted.name === '') return notFound(context);
  if (context.question.type === TYPE.SRV || context.question.type === TYPE.ANY)
    return servers(context, hosts);
  return found(context, addresses(context, [...new Set(hosts.map(({ address }) => address))]));
}

interface Port {
  /** Empty when it has none. */
  readonly name: string;
  /** Lower case. */
  readonly protocol: string;
  readonly port: number;
}

/** Who is reached at a port of a Service: the Service itself, or an endpoint of a headless one. */
interface Host {
  readonly name: string;
  readonly address: string;
  readonly port: Port;
}

function hostsOf(context: Context, target: Target): Host[] {
  const domain = serviceDomain(target.service, context.zone);
  if (isHeadless(target.service)) {
    return endpoints(context, target).flatMap(({ hostname, address, ports }) =>
      ports.map((port) => ({ name: `${hostname}.${domain}`, address, port })),
    );
  }
  const own = clusterAddresses(target.service);
  return (target.service.spec?.ports ?? []).flatMap((port) => {
    const { name = '', protocol = 'TCP', port: number } = port;
    const known = { name, protocol: protocol.toLowerCase(), port: number };
    return own.map((address) => ({ name: domain, address, port: known }));
  });
}

/** SRV records of `hosts`, and their addresses. Weights are shared out as CoreDNS does. */
function servers(context: Context, hosts: readonly Host[]): Answer {
  const weight = Math.max(1, Math.floor(SRV_WEIGHT_SUM / Math.max(1, hosts.length)));
  const answers = new Map<string, DnsRecord>();
  const additional = new Map<string, DnsRecord>();
  for (const { name, address, port } of hosts) {
    const data = { type: TYPE.SRV, priority: 0, weight, port: port.port, target: name } as const;
    const key = `${name} ${port.port}`;
    answers.set(key, record(context, data));
    const [found] = addressRecords(context, name, [address], TYPE.ANY);
    if (found !== undefined) additional.set(`${name} ${address}`, found);
  }
  if (answers.size === 0) return noData(context);
  return {
    kind: 'records',
    rcode: RCODE.noError,
    answers: [...answers.values()],
    authority: [],
    additional: [...additional.values()],
  };
}

/** `10-244-0-7.default.pod`: any address, in a namespace that exists. */
function podName(context: Context, labels: readonly string[]): Answer {
  const namespace = labels.at(-1);
  if (namespace === undefined) return noData(context);
  if (!context.view.hasNamespace(namespace)) return notFound(context);
  if (labels.length === 1) return noData(context);
  const address = labels.length === 2 ? addressOfDashedName(labels[0] ?? '') : undefined;
  return address === undefined ? notFound(context) : found(context, addresses(context, [address]));
}

function reverse(context: Context, address: string): Answer {
  const { zone, view, question } = context;
  const [service] = view.servicesAt(address);
  const names =
    service === undefined ? endpointNames(context, address) : [serviceDomain(service, zone)];
  if (names.length === 0)
    return zone.owns(address, question.name) ? notFound(context) : { kind: 'forward' };
  const wanted = question.type === TYPE.PTR || question.type === TYPE.ANY;
  return found(
    context,
    wanted ? [...new Set(names)].map((target) => record(context, { type: TYPE.PTR, target })) : [],
  );
}

function endpointNames({ zone, view }: Context, address: string): string[] {
  return view.slicesAt(address).flatMap((slice) => {
    const service = slice.metadata?.labels?.['kubernetes.io/service-name'] ?? '';
    if (service === '') return [];
    return readyEndpoints([slice])
      .filter((endpoint) => canonicalAddress(endpoint.address) === address)
      .map(
        ({ hostname }) => `${hostname}.${service}.${slice.metadata?.namespace}.svc.${zone.domain}`,
      );
  });
}

interface NamedEndpoint {
  readonly address: string;
  readonly hostname: string;
  readonly ports: readonly Port[];
}

function endpoints({ view }: Context, target: Target): NamedEndpoint[] {
  return readyEndpoints(view.slices(target.namespace, target.name));
}

function readyEndpoints(slices: readonly EndpointSlice[]): NamedEndpoint[] {
  return slices.flatMap((slice) => {
    if (slice.addressType === 'FQDN') return [];
    const ports = (slice.ports ?? []).flatMap(({ name = '', protocol = 'TCP', port }) =>
      port === undefined ? [] : [{ name, protocol: protocol.toLowerCase(), port }],
    );
    return (slice.endpoints ?? []).flatMap(({ addresses: own, conditions, hostname }) => {
      // Unknown counts as ready.
      if (conditions?.ready === false) return [];
      return own.map((address) => ({ address, hostname: hostname ?? dashedName(address), ports }));
    });
  });
}

function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None';
}

function clusterAddresses({ spec }: Service): string[] {
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  return all.filter((address) => address !== '' && address !== 'None');
}

/** Those of `list` that the question asks for: IPv4 for A, IPv6 for AAAA. */
function addresses(context: Context, list: readonly string[]): DnsRecord[] {
  return addressRecords(context, context.question.name, list, context.question.type);
}

function addressRecords(
  context: Context,
  name: string,
  list: readonly string[],
  type: number,
): DnsRecord[] {
  return list.flatMap((text) => {
    const address = addressBytes(text);
    const own = address?.length === 4 ? TYPE.A : TYPE.AAAA;
    if (address === undefined || (type !== own && type !== TYPE.ANY)) return [];
    return [{ name, ttlSeconds: context.zone.ttlSeconds, data: { type: own, address } }];
  });
}

function record(context: Context, data: RecordData): DnsRecord {
  return { name: context.question.name, ttlSeconds: context.zone.ttlSeconds, data };
}

/** Says where the zone is, and for how long a "no" may be kept (RFC 2308). */
function soa({ question, zone, serial }: Context): DnsRecord {
  const name = REVERSE_ZONES.find((reversed) => question.name.endsWith(reversed)) ?? zone.domain;
  return {
    name,
    ttlSeconds: Math.min(zone.ttlSeconds, SOA_TTL_MAX),
    data: {
      type: TYPE.SOA,
      primary: `ns.dns.${name}`,
      mailbox: `hostmaster.${name}`,
      serial,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      negativeTtl: zone.ttlSeconds,
    },
  };
}

/** The name exists; without records of the type asked for, that is what the answer says. */
function found(context: Context, answers: readonly DnsRecord[]): Answer {
  if (answers.length === 0) return noData(context);
  return { kind: 'records', rcode: RCODE.noError, answers, authority: [], additional: [] };
}

function noData(context: Context): Answer {
  return {
    kind: 'records',
    rcode: RCODE.noError,
    answers: [],
    authority: [soa(context)],
    additional: [],
  };
}

function notFound(context: Context): Answer {
  return {
    kind: 'records',
    rcode: RCODE.nxDomain,
    answers: [],
    authority: [soa(context)],
    additional: [],
  };
}
