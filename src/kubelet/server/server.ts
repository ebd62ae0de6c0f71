/**
 * The kubelet's own HTTPS server: logs, exec, attach, port-forward, health, pods.
 *
 * The API server is its client, on behalf of users. Who calls is known from the client
 * certificate; whether they may is asked of an authorizer that the composition gives. Upstream:
 * pkg/kubelet/server/{server,auth}.go, v1.36.
 */
import type { FileSystem, Network } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Handler, HttpRequest, HttpResponse, Peer } from '#base/http/message.ts';
import type { Cri } from '../cri/cri.ts';
import { serveContainerLogs } from './container-logs.ts';
import { jsonResponse, textResponse } from './responses.ts';
import type { ServedPods } from './served-pods.ts';
import { serveAttach, serveExec, servePortForward } from './streams.ts';

export interface KubeletAccess {
  readonly user: { readonly name: string; readonly groups: readonly string[] };
  readonly verb: 'get' | 'create' | 'update' | 'patch' | 'delete';
  /** Of the resource `nodes`: `proxy`, `stats`, `metrics`, `healthz`, `pods`. */
  readonly subresource: string;
  readonly nodeName: string;
}

export interface KubeletServerOptions {
  readonly nodeName: string;
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly network: Network;
  readonly cri: Cri;
  readonly pods: ServedPods;
  readonly authorize: (access: KubeletAccess) => boolean | Promise<boolean>;
}

const VERBS: Record<string, KubeletAccess['verb']> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const SUBRESOURCES: Record<string, string> = {
  stats: 'stats',
  metrics: 'metrics',
  healthz: 'healthz',
  pods: 'pods',
};

/** The server as a handler; it never rejects. */
export function kubeletServer(options: KubeletServerOptions): Handler {
  return async (request) => {
    try {
      return (await refusal(request, options)) ?? (await route(request, options));
    } catch (error) {
      options.environment.log.warn('request failed', { url: request.url, error: String(error) });
      return textResponse(500, messageOf(error));
    }
  };
}

async function refusal(
  request: HttpRequest,
  options: KubeletServerOptions,
): Promise<HttpResponse | undefined> {
  const user = userOf(request.peer);
  if (user === undefined) return textResponse(401, 'Unauthorized');
  const [first = ''] = segments(request);
  const verb = VERBS[request.method] ?? 'get';
  const subresource = SUBRESOURCES[first] ?? 'proxy';
  const { nodeName } = options;
  if (await options.authorize({ user, verb, subresource, nodeName })) return undefined;
  const where = `resource=nodes, subresource(s)=[${subresource}]`;
  return textResponse(403, `Forbidden (user=${user.name}, verb=${verb}, ${where})`);
}

function userOf(peer: Peer | undefined): KubeletAccess['user'] | undefined {
  if (peer?.component !== undefined) return peer.component;
  const { commonName = '', organizations = [] } = peer?.certificate ?? {};
  return commonName === '' ? undefined : { name: commonName, groups: organizations };
}

function segments(request: HttpRequest): string[] {
  const { pathname } = new URL(request.url, 'http://kubelet');
  return pathname
    .split('/')
    .filter((part) => part !== '')
    .map((part) => decodeURIComponent(part));
}

async function route(request: HttpRequest, options: KubeletServerOptions): Promise<HttpResponse> {
  const [endpoint = '', namespace = '', name = '', ...rest] = segments(request);
  if (endpoint === 'healthz') return textResponse(200, 'ok');
  if (endpoint === 'pods') return podList(options);
  const known = ['containerLogs', 'exec', 'attach', 'portForward'].includes(endpoint);
  if (!known || name === '') return textResponse(404, '404 page not found');
  const pod = options.pods.find(namespace, name);
  if (pod === undefined) return textResponse(404, `pod "${name}" not found`);
  // Newer clients put the uid of the pod before the container.
  const container = rest.at(-1) ?? '';
  const call = { request, pod, container, ...options };
  switch (endpoint) {
    case 'containerLogs':
      return serveContainerLogs(request, pod, container, options);
    case 'exec':
      return serveExec(call);
    case 'attach':
      return serveAttach(call);
    default:
      return servePortForward(call);
  }
}

function podList({ pods }: KubeletServerOptions): HttpResponse {
  const items = pods.list().map((pod) => ({ ...pod, status: pods.statusOf(pod) }));
  return jsonResponse({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
}
