/**
 * The kubelet's own HTTPS server: logs, exec, attach, port-forward, health, pods, stats, metrics,
 * checkpoints.
 *
 * The API server is its client, on behalf of users, and so are metrics-server and Prometheus. Who
 * calls is known from the client certificate or the token; whether they may is asked of an
 * authorizer that the composition gives. Upstream: pkg/kubelet/server/{server,auth}.go, v1.36.
 */
import type { Network } from '#base/doors.ts';
import { messageOf } from '#base/error.ts';
import type { Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { ObservedPod } from '../pod/observed.ts';
import {
  bearerToken,
  certifiedUser,
  type KubeletAccess,
  type KubeletUser,
  subresourcesOf,
  verbOf,
} from './access.ts';
import { type CheckpointOptions, serveCheckpoint } from './checkpoint.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { configz } from './configz.ts';
import { serveContainerLogs } from './container-logs.ts';
import { type HealthCheck, serveHealth } from './health.ts';
import { servePods, serveRunningPods } from './pod-lists.ts';
import { jsonResponse, notFound, textResponse } from './responses.ts';
import { serveMetrics, serveSummary, type StatsPagesOptions } from './stats-pages.ts';
import { serveAttach, serveExec, servePortForward } from './streams.ts';

export type { KubeletAccess } from './access.ts';

export interface KubeletServerOptions extends CheckpointOptions, StatsPagesOptions {
  readonly nodeName: string;
  readonly network: Network;
  /** All that the runtime has. */
  readonly observed: () => readonly ObservedPod[];
  readonly healthChecks: readonly HealthCheck[];
  readonly configuration: KubeletConfiguration;
  /** Whose a token is; undefined: nobody's. Absent: tokens are not looked at. */
  readonly userOfToken?: (token: string) => Promise<KubeletUser | undefined>;
  readonly authorize: (access: KubeletAccess) => boolean | Promise<boolean>;
}

/** A request, read. */
interface Call {
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  readonly endpoint: string;
  readonly parts: readonly string[];
  readonly options: KubeletServerOptions;
}

/** Who shows nothing, where that is allowed. */
const ANONYMOUS: KubeletUser = {
  name: 'system:anonymous',
  groups: ['system:unauthenticated'],
};

/** The server as a handler; it never rejects. */
export function kubeletServer(options: KubeletServerOptions): Handler {
  const { enableDebuggingHandlers } = options.configuration;
  return handlerOf(options, async (call) => {
    return (await refusal(call)) ?? route(call, enableDebuggingHandlers ? ENDPOINTS : QUIET);
  });
}

/**
 * What everybody may read without saying who they are (`readOnlyPort`): pods, health, statistics.
 * It never rejects.
 */
export function readOnlyServer(options: KubeletServerOptions): Handler {
  return handlerOf(options, (call) => route(call, QUIET));
}

/** `/healthz` alone, for everybody (`healthzPort`). It never rejects. */
export function healthServer(options: KubeletServerOptions): Handler {
  return handlerOf(options, (call) => route(call, HEALTH));
}

function handlerOf(
  options: KubeletServerOptions,
  answer: (call: Call) => Promise<HttpResponse>,
): Handler {
  return async (request) => {
    try {
      const { pathname, searchParams: query } = new URL(request.url, 'http://kubelet');
      const [endpoint = '', ...parts] = pathname
        .split('/')
        .filter((part) => part !== '')
        .map((part) => decodeURIComponent(part));
      const call = { request, query, endpoint, parts, options };
      return await answer(call);
    } catch (error) {
      options.environment.log.warn('request failed', { url: request.url, error: String(error) });
      return textResponse(500, messageOf(error));
    }
  };
}

async function refusal({ request, endpoint, options }: Call): Promise<HttpResponse | undefined> {
  const { anonymous } = options.configuration.authentication;
  const user =
    certifiedUser(request.peer) ??
    (await userByToken(request, options)) ??
    (anonymous.enabled ? ANONYMOUS : undefined);
  if (user === undefined) return textResponse(401, 'Unauthorized');
  const verb = verbOf(request.method);
  if (verb === undefined) return methodNotAllowed();
  const { nodeName } = options;
  const subresources = subresourcesOf(endpoint);
  const who = `user=${user.name}, verb=${verb}, resource=nodes`;
  for (const subresource of subresources) {
    try {
      if (await options.authorize({ user, verb, subresource, nodeName })) return undefined;
    } catch (error) {
      options.environment.log.error('authorization failed', { error: messageOf(error) });
      return textResponse(500, `Authorization error (${who}, subresource=${subresource})`);
    }
  }
  return textResponse(403, `Forbidden (${who}, subresource(s)=[${subresources.join(' ')}])\n`);
}

async function userByToken(
  request: HttpRequest,
  { userOfToken, environment }: KubeletServerOptions,
): Promise<KubeletUser | undefined> {
  const token = bearerToken(request);
  if (token === undefined || userOfToken === undefined) return undefined;
  try {
    return await userOfToken(token);
  } catch (error) {
    environment.log.error('cannot review token', { error: messageOf(error) });
    return undefined;
  }
}

function methodNotAllowed(): HttpResponse {
  return textResponse(405, '405: Method Not Allowed');
}

type Endpoint = (call: Call) => HttpResponse | Promise<HttpResponse>;

/** By the first part of the path; those with a name in it look themselves at what comes after. */
const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  healthz: ({ parts, query, options }) =>
    parts.length > 1 ? notFound() : serveHealth(parts[0] ?? '', query, options.healthChecks),
  pods: only(['GET'], ({ options }) => servePods(options.pods)),
  runningpods: only(['GET'], ({ options }) => serveRunningPods(options.observed())),
  configz: only(['GET'], ({ options }) => jsonResponse(configz(options.configuration))),
  stats: ({ request, parts, query, options }) => {
    if (parts.join('/') !== 'summary') return notFound();
    const isRead = request.method === 'GET' || request.method === 'POST';
    return isRead ? serveSummary(query, options) : methodNotAllowed();
  },
  metrics: ({ parts, options }) =>
    parts.length > 1 ? notFound() : serveMetrics(parts[0] ?? '', options),
  checkpoint: ({ request, parts, query, options }) => {
    const [namespace = '', name = '', container = '', ...more] = parts;
    if (container === '' || more.length > 0) return notFound();
    if (request.method !== 'POST') return methodNotAllowed();
    const pod = options.pods.find(namespace, name);
    return serveCheckpoint({ pod, container, query }, options);
  },
  containerLogs: ofPod(({ request, pod, container, options }) =>
    serveContainerLogs(request, pod, container, options),
  ),
  exec: ofPod(({ options, ...call }) => serveExec({ ...options, ...call })),
  attach: ofPod(({ options, ...call }) => serveAttach({ ...options, ...call })),
  portForward: ofPod(({ options, ...call }) => servePortForward({ ...options, ...call })),
};

/** Upstream's names, of which not all are there. */
const DEBUGGING = [
  'run',
  'exec',
  'attach',
  'portForward',
  'containerLogs',
  'runningpods',
  'debug',
  'logs',
];

function pick(...names: (keyof typeof ENDPOINTS)[]): Record<string, Endpoint> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const endpoint = ENDPOINTS[name];
      return endpoint === undefined ? [] : [[name, endpoint]];
    }),
  );
}

const HEALTH = pick('healthz');
/** Without what looks into pods. */
const QUIET: Readonly<Record<string, Endpoint>> = {
  ...pick('healthz', 'pods', 'stats', 'metrics'),
  ...Object.fromEntries(
    DEBUGGING.map((name): [string, Endpoint] => [
      name,
      () => textResponse(405, 'Debug endpoints are disabled.\n'),
    ]),
  ),
};

async function route(
  call: Call,
  endpoints: Readonly<Record<string, Endpoint>>,
): Promise<HttpResponse> {
  const endpoint = Object.hasOwn(endpoints, call.endpoint) ? endpoints[call.endpoint] : undefined;
  return endpoint === undefined ? notFound() : endpoint(call);
}

/** A page of its own, with nothing below it. */
function only(methods: readonly string[], serve: Endpoint): Endpoint {
  return (call) => {
    if (call.parts.length > 0) return notFound();
    const { method } = call.request;
    const isAllowed = methods.includes(method === 'HEAD' ? 'GET' : method);
    return isAllowed ? serve(call) : methodNotAllowed();
  };
}

interface PodCall extends Call {
  readonly pod: NonNullable<ReturnType<KubeletServerOptions['pods']['find']>>;
  readonly container: string;
}

function ofPod(serve: (call: PodCall) => HttpResponse | Promise<HttpResponse>): Endpoint {
  return (call) => {
    const [namespace = '', name = '', ...rest] = call.parts;
    if (name === '') return notFound();
    const pod = call.options.pods.find(namespace, name);
    if (pod === undefined) return textResponse(404, `pod "${name}" not found`);
    // Newer clients put the uid of the pod before the container.
    return serve({ ...call, pod, container: rest.at(-1) ?? '' });
  };
}
