/**
 * The address behind a Service that another API server is reached by: one of its ready endpoints.
 *
 * Source: upstream apiserver/pkg/util/proxy/proxy.go (ResolveEndpoint).
 */
import type { Random } from '#base/env.ts';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { notFound, serviceUnavailable } from '#api/meta/status.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { ENDPOINT_SLICES, SERVICES } from '../admission/targets.ts';
import type { AddressGuard } from '../proxy/addresses.ts';
import { fromRandom } from '../proxy/location.ts';
import type { RemoteApi } from './api-services.ts';

export interface EndpointServices {
  readonly reader: ObjectReader;
  readonly random: Random;
  readonly guard: AddressGuard;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer'];
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export function slicesOfService(
  reader: ObjectReader,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): EndpointSlice[] {
  const all = reader.list(ENDPOINT_SLICES, namespace) as Iterable<EndpointSlice>;
  return [...all].filter(({ metadata }) => metadata?.labels?.[SERVICE_NAME_LABEL] === name);
}

/** Throws an error that says what is missing. */
export function endpointOf(
  services: EndpointServices,
  { service: ref }: Pick<RemoteApi, 'service'>,
): Endpoint {
  const service = services.reader.get(SERVICES, ref.namespace, ref.name) as Service | undefined;
  if (service === undefined) throw notFound({ group: '', resource: 'services' }, ref.name);
  const type = service.spec?.type ?? 'ClusterIP';
  if (!TYPES.includes(type)) throw new Error(`unsupported service type ${JSON.stringify(type)}`);
  const port = service.spec?.ports?.find((one) => one.port === ref.port);
  if (port === undefined)
    throw serviceUnavailable(
      `no service port ${ref.port} found for service ${JSON.stringify(ref.name)}`,
    );
  const [family = 'IPv4'] = service.spec?.ipFamilies ?? [];
  const slices = fromRandom(services.random, slicesOfService(services.reader, ref));
  const preferred = slices.filter(({ addressType }) => addressType === family);
  const others = slices.filter(({ addressType }) => addressType !== family);
  for (const slice of [...preferred, ...others]) {
    const found = readyEndpoint(services, slice, port.name ?? '');
    if (found !== undefined) return found;
  }
  throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(ref.name)}`);
}

function readyEndpoint(
  { random, guard }: EndpointServices,
  slice: EndpointSlice,
  portName: string,
): Endpoint | undefined {
  const port = slice.ports?.find(({ name }) => (name ?? '') === portName)?.port;
  if (port === undefined) return undefined;
  const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  return fromRandom(random, ready)
    .flatMap(({ addresses }) => addresses.slice(0, 1))
    .filter((host) => guard.allows(host, port, [port]))
    .map((host) => ({ host, port }))[0];
}

export function urlOf({ host, port }: Endpoint, path: string): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}
