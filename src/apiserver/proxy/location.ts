/**
 * Where a proxy request goes: `[scheme:]name[:port]` of a pod, Service or node becomes an address.
 *
 * Source: upstream pkg/registry/core/{pod,node}/strategy.go and
 * pkg/registry/core/service/storage/storage.go (ResourceLocation), apimachinery util/net port_split.
 */
import type { Handler } from '#base/http/message.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Node, Pod, Service } from '#api/gen/core-v1.ts';
import { badRequest, notFound, serviceUnavailable } from '#api/meta/status.ts';
import type { Random } from '#base/env.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '../admission/targets.ts';
import type { KubeletConnector } from '../subresources/kubelet.ts';
import { kubeletLocation } from '../subresources/kubelet-location.ts';
import type { AddressGuard } from './addresses.ts';
import type { BackendConnector } from './transport.ts';

export interface LocationServices {
  readonly reader: ObjectReader;
  readonly random: Random;
  readonly guard: AddressGuard;
  readonly backends: BackendConnector;
  readonly kubelets: KubeletConnector;
}

/** What answers, and under which `host[:port]` it knows itself. */
export interface Location {
  readonly host: string;
  readonly handler: Handler;
}

interface Asked {
  readonly scheme: string;
  readonly name: string;
  /** A number, or for Services a name; empty when none was given. */
  readonly port: string;
}

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const PORT_MAX = 65_535;

/** Throws upstream's 400 when `id` is none. */
function parseTarget(what: 'pod' | 'service' | 'node', id: string): Asked {
  const parts = id.split(':');
  const [first = '', second = '', third = ''] = parts;
  const asked =
    parts.length === 3
      ? { scheme: first, name: second, port: third }
      : { scheme: '', name: first, port: second };
  const valid =
    parts.length <= 3 && asked.name !== '' && ['', 'http', 'https'].includes(asked.scheme);
  if (!valid) throw badRequest(`invalid ${what} request ${JSON.stringify(id)}`);
  return asked;
}

export function podLocation(services: LocationServices, namespace: string, id: string): Location {
  const { scheme, name, port } = parseTarget('pod', id);
  const pod = services.reader.get(PODS, namespace, name) as Pod | undefined;
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, name);
  const declared = portsOf(pod);
  const text = port === '' ? String(declared[0] ?? '') : port;
  const number = text === '' ? (scheme === 'https' ? HTTPS_PORT : HTTP_PORT) : portNumber(text);
  const address = pod.status?.podIPs?.[0]?.ip ?? '';
  if (number === undefined) throw badRequest(`invalid pod request ${JSON.stringify(id)}`);
  if (!services.guard.allows(address, number, declared)) throw badRequest('address not allowed');
  return backendAt(services, { scheme, address, port: number });
}

/** A ready endpoint of the Service that is a pod in its namespace and has the address it claims. */
export function serviceLocation(
  services: LocationServices,
  namespace: string,
  id: string,
): Location {
  const { scheme, name, port } = parseTarget('service', id);
  const service = services.reader.get(SERVICES, namespace, name) as Service | undefined;
  const portName = /^[+-]?\d+$/.test(port) ? servicePortName(service, name, Number(port)) : port;
  const slices = slicesOf(services.reader, namespace, name);
  if (service === undefined && slices.length === 0)
    throw notFound({ group: '', resource: 'endpoints' }, name);
  const found = fromRandom(
    services.random,
    slices.flatMap((slice) => candidatesOf(slice, portName)),
  ).find((candidate) => isPod(services, namespace, candidate));
  if (found === undefined)
    throw serviceUnavailable(
      `no endpoints available for service ${JSON.stringify(slices.length === 0 ? name : id)}`,
    );
  return backendAt(services, { scheme, ...found });
}

/** The kubelet's own port is spoken to as the API server; others without any identity. */
export function nodeLocation(services: LocationServices, id: string): Location {
  const { scheme, name, port } = parseTarget('node', id);
  const node = services.reader.get(NODES, '', name) as Node | undefined;
  if (node === undefined) throw notFound({ group: '', resource: 'nodes' }, name);
  const kubelet = kubeletLocation(node);
  const number = port === '' ? kubelet.port : portNumber(port);
  if (number === undefined) throw badRequest(`invalid node request ${JSON.stringify(id)}`);
  if (!services.guard.allows(kubelet.host, number, [kubelet.port]))
    throw badRequest('address not allowed');
  if (number === kubelet.port)
    return {
      host: authority(kubelet.host, kubelet.port),
      handler: (request) => services.kubelets.to(node)(request),
    };
  return backendAt(services, { scheme, address: kubelet.host, port: number });
}

interface Candidate {
  readonly address: string;
  readonly port: number;
  readonly pod: string;
}

function servicePortName(service: Service | undefined, name: string, port: number): string {
  if (service === undefined) throw notFound({ group: '', resource: 'services' }, name);
  const found = service.spec?.ports?.find((one) => one.port === port);
  if (found === undefined)
    throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return found.name ?? '';
}

function slicesOf(reader: ObjectReader, namespace: string, name: string): EndpointSlice[] {
  const all = reader.list(ENDPOINT_SLICES, namespace) as Iterable<EndpointSlice>;
  return [...all].filter(({ metadata }) => metadata?.labels?.[SERVICE_NAME_LABEL] === name);
}

function candidatesOf(slice: EndpointSlice, portName: string): Candidate[] {
  const port = slice.ports?.find(({ name }) => (name ?? '') === portName)?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) => {
    const [address] = addresses;
    const isReady = conditions?.ready !== false;
    if (!isReady || address === undefined || targetRef?.kind !== 'Pod') return [];
    if ((targetRef.namespace ?? '') !== (slice.metadata?.namespace ?? '')) return [];
    return [{ address, port, pod: targetRef.name ?? '' }];
  });
}

function isPod(services: LocationServices, namespace: string, candidate: Candidate): boolean {
  const pod = services.reader.get(PODS, namespace, candidate.pod) as Pod | undefined;
  const addresses = pod?.status?.podIPs ?? [];
  if (pod === undefined || !addresses.some(({ ip }) => ip === candidate.address)) return false;
  return services.guard.allows(candidate.address, candidate.port, portsOf(pod));
}

/** The list, turned so that it begins anywhere. */
export function fromRandom<T>(random: Random, list: readonly T[]): T[] {
  const at = Math.floor(random.next() * list.length);
  return [...list.slice(at), ...list.slice(0, at)];
}

function portsOf(pod: Pod): number[] {
  return (pod.spec?.containers ?? []).flatMap(({ ports }) =>
    (ports ?? []).map(({ containerPort }) => containerPort),
  );
}

function portNumber(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port <= PORT_MAX ? port : undefined;
}

/** As upstream, nobody's certificate is checked: pods have none that the cluster knows. */
function backendAt(
  { backends }: LocationServices,
  { scheme, address, port }: { scheme: string; address: string; port: number },
): Location {
  const tls = scheme === 'https' ? { tls: { insecureSkipVerify: true } } : {};
  return { host: authority(address, port), handler: backends.to({ host: address, port, ...tls }) };
}

function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
