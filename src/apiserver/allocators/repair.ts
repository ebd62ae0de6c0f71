/**
 * Finds Services whose addresses and ports contradict each other or the configuration: a range that
 * was changed, a store that was restored from two backups.
 *
 * What is taken is read from the Services themselves (`services.ts`), so nothing can leak and
 * nothing need be written back; what is left of upstream's repair loops is to look at everything at
 * the start and now and then, and to say in an Event what a person must do.
 *
 * Source: upstream pkg/registry/core/service/{ipallocator,portallocator}/controller/repair.go.
 */
import { createHash } from 'node:crypto';
import type { Event, IPFamily, Service } from '#api/gen/core-v1.ts';
import { needsClusterIp, needsNodePort } from '#api/core/service-types.ts';
import type { Environment, Timer } from '#base/env.ts';
import { type IpRange, parseCidr, parseIp, rangeContains } from '#base/ip.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { SERVICES } from '../admission/targets.ts';
import { timeText } from '#api/meta/time.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import { familyOf, isHeadless } from './ip-families.ts';

/** Upstream's --service-repair-interval. */
const EVERY_MS = 3 * 60_000;
const EVENTS = { group: '', version: 'v1', plural: 'events', namespaced: true } as const;

export interface ServiceRanges {
  /** A CIDR, or one of each family joined by a comma. */
  readonly clusterIpRange: string;
  readonly nodePortRange: { readonly from: number; readonly to: number };
}

export interface ServiceFault {
  readonly service: Service;
  readonly reporter: 'ipallocator-repair-controller' | 'portallocator-repair-controller';
  readonly reason: string;
  readonly message: string;
}

/** All faults, in the order of `services`. Of several that claim one number, the first keeps it. */
export function findServiceFaults(
  services: readonly Service[],
  ranges: ServiceRanges,
): ServiceFault[] {
  const cidrs = rangesOf(ranges.clusterIpRange);
  const seen = new Set<string>();
  return services.flatMap((service) => {
    const faultOf = (reporter: ServiceFault['reporter'], fault: [string, string] | undefined) =>
      fault === undefined ? [] : [{ service, reporter, reason: fault[0], message: fault[1] }];
    return [
      ...addressesOf(service).flatMap((ip) =>
        faultOf('ipallocator-repair-controller', addressFault(ip, cidrs, seen)),
      ),
      ...nodePortsOf(service).flatMap(({ port, protocol }) =>
        faultOf(
          'portallocator-repair-controller',
          portFault({ port, protocol, ...ranges.nodePortRange }, seen),
        ),
      ),
    ];
  });
}

function rangesOf(text: string): Map<IPFamily, { readonly text: string; readonly range: IpRange }> {
  const ranges = new Map<IPFamily, { text: string; range: IpRange }>();
  for (const part of text.split(',')) {
    const range = parseCidr(part.trim());
    if (range !== undefined)
      ranges.set(range.family === 6 ? 'IPv6' : 'IPv4', { text: part.trim(), range });
  }
  return ranges;
}

function addressesOf({ spec }: Service): readonly string[] {
  return spec !== undefined && needsClusterIp(spec) && !isHeadless(spec)
    ? (spec.clusterIPs ?? [])
    : [];
}

function addressFault(
  ip: string,
  cidrs: ReturnType<typeof rangesOf>,
  seen: Set<string>,
): [reason: string, message: string] | undefined {
  const address = parseIp(ip);
  if (address === undefined)
    return ['ClusterIPNotValid', `Cluster IP ${ip} is not a valid IP; please recreate service`];
  const family = familyOf(ip);
  const cidr = cidrs.get(family);
  if (cidr === undefined) {
    return [
      'ClusterIPNotValid',
      `Cluster IP ${ip}(${family}) is of ip family that is no longer configured on cluster; please recreate service`,
    ];
  }
  if (!rangeContains(cidr.range, address)) {
    return [
      'ClusterIPOutOfRange',
      `Cluster IP [${family}]:${ip} is not within the service CIDR ${cidr.text}; please recreate service`,
    ];
  }
  if (isFirst(seen, `${family}/${address.value}`)) return undefined;
  return [
    'ClusterIPAlreadyAllocated',
    `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`,
  ];
}

interface NodePort {
  readonly port: number;
  readonly protocol: string;
}

/** Each port of a Service once for a protocol: TCP and UDP may share a number. */
function nodePortsOf({ spec }: Service): NodePort[] {
  if (spec === undefined || !needsNodePort(spec)) return [];
  const found = new Map<string, NodePort>();
  const take = (port: number | undefined, protocol: string): void => {
    if (port !== undefined && port !== 0) found.set(`${protocol}/${port}`, { port, protocol });
  };
  for (const { nodePort, protocol } of spec.ports ?? []) take(nodePort, protocol ?? 'TCP');
  take(spec.healthCheckNodePort, 'TCP');
  return [...found.values()];
}

function portFault(
  { port, protocol, from, to }: NodePort & ServiceRanges['nodePortRange'],
  seen: Set<string>,
): [reason: string, message: string] | undefined {
  if (port < from || port > to) {
    return [
      'PortOutOfRange',
      `Port ${port} is not within the port range ${from}-${to}; please recreate service`,
    ];
  }
  if (isFirst(seen, `${protocol}/${port}`)) return undefined;
  return [
    'PortAlreadyAllocated',
    `Port ${port} was assigned to multiple services; please recreate service`,
  ];
}

function isFirst(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

export interface ServiceRepairOptions extends ServiceRanges {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly client: LocalClient;
}

/** Looks at the start and every three minutes. */
export class ServiceRepair {
  readonly #options: ServiceRepairOptions;
  #timer: Timer | undefined;

  constructor(options: ServiceRepairOptions) {
    this.#options = options;
  }

  start(): void {
    const { environment } = this.#options;
    this.#look().catch((error: unknown) =>
      environment.log.warn('cannot report what is wrong with Services', { error: String(error) }),
    );
    this.#timer = environment.timers.after(EVERY_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { reader, client, environment } = this.#options;
    const faults = findServiceFaults(reader.list(SERVICES) as Service[], this.#options);
    for (const fault of faults)
      await client.create(EVENTS, faultEvent(fault, environment.clock.now()));
  }
}

/** The same fault has the same name: what was said is not said again while the Event lives. */
function faultEvent({ service, reporter, reason, message }: ServiceFault, nowMs: number): Event {
  const { name = '', namespace = '', uid = '', resourceVersion = '' } = service.metadata ?? {};
  const digest = createHash('sha256').update(`${uid} ${reason} ${message}`).digest('hex');
  const now = timeText(nowMs);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${digest.slice(0, 16)}`, namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Service', name, namespace, uid, resourceVersion },
    type: 'Warning',
    reason,
    message,
    source: { component: reporter },
    reportingComponent: reporter,
    reportingInstance: '',
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}
