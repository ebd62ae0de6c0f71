/**
 * The subresource `proxy` of pods, Services and nodes.
 *
 * Source: upstream pkg/registry/core/{pod/rest,service,node/rest}, endpoints/handlers/rest.go
 * (ConnectResource).
 */
import type { HttpResponse } from '#base/http/message.ts';
import { badRequest, isNotFound } from '#api/meta/status.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestInfo } from '../request-info.ts';
import type { WriteServices } from '../verbs/write.ts';
import { admitConnect } from '../subresources/connect-options.ts';
import { forward } from './forward.ts';
import { isUpgrade } from './headers.ts';
import {
  type Location,
  type LocationServices,
  nodeLocation,
  podLocation,
  serviceLocation,
} from './location.ts';
import { cleanPath } from './path.ts';

export interface ProxyServices extends LocationServices {
  readonly writes: WriteServices;
}

export const PROXY_METHODS: readonly string[] = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
];

type Locate = (services: LocationServices, namespace: string, id: string) => Location;

/** By resource of the core group. */
const LOCATE: ReadonlyMap<string, Locate> = new Map<string, Locate>([
  ['pods', podLocation],
  ['services', serviceLocation],
  ['nodes', (services, _, id) => nodeLocation(services, id)],
]);

export function hasProxy({ group, plural }: { group: string; plural: string }): boolean {
  return group === '' && LOCATE.has(plural);
}

/** Whether a request is for a proxy, judged by its path alone. */
export function isProxied({ group, resource, subresource }: RequestInfo): boolean {
  return subresource === 'proxy' && hasProxy({ group, plural: resource });
}

export async function proxy(
  context: RequestContext,
  services: ProxyServices,
  resource: Resource,
): Promise<HttpResponse> {
  const { info, request } = context;
  if (info.query.has('dryRun')) throw badRequest('dryRun is not supported');
  const tail = tailOf(context);
  const object: { path?: string } = tail === '' ? {} : { path: tail };
  const kind = `${resource.kind.kind as 'Node' | 'Pod' | 'Service'}ProxyOptions` as const;
  await admitConnect(context, services.writes, resource, { kind, object });
  const { path = '' } = object;
  const { host, handler } = await locate(context, services, resource);
  const query = queryOf(request.url);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (path === '' && isRead && !isUpgrade(request.headers)) return toRoot(info.path, query);
  return forward(request, {
    handler,
    path,
    query,
    rules: { prefix: prefixOf(context), backendHost: host, clientHost: context.header('host') },
  });
}

/** An object that was made a moment ago may be no further than the store. */
async function locate(
  context: RequestContext,
  services: ProxyServices,
  resource: Resource,
): Promise<Location> {
  const { namespace, name } = context.info;
  const find = LOCATE.get(resource.kind.plural);
  if (find === undefined) throw badRequest(`${resource.kind.plural} have no proxy`);
  try {
    return find(services, namespace, name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await services.reader.catchUp();
    return find(services, namespace, name);
  }
}

/** What follows `proxy`, cleaned, with its last slash. The parameter `path` means nothing. */
function tailOf({ info: { rest, path } }: RequestContext): string {
  const end = path.endsWith('/') ? '/' : '';
  const cleaned = rest === '' ? '' : cleanPath(rest);
  return cleaned === '/' ? '/' : `${cleaned}${end}`;
}

function prefixOf({ info }: RequestContext): string {
  const scope =
    info.namespace === '' || info.resource === 'nodes' ? '' : `/namespaces/${info.namespace}`;
  return `/api/${info.version}${scope}/${info.resource}/${info.name}/proxy`;
}

function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark);
}

/** Without the slash, relative links of the page would lead beside the proxy. */
function toRoot(path: string, query: string): HttpResponse {
  return { status: 301, headers: { location: `${path}/${query}`, 'content-length': '0' } };
}
