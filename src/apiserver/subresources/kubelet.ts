/**
 * Subresources that the pod's kubelet answers: log, exec, attach, port-forward.
 *
 * The API server finds the node, checks that it may be asked, and passes the stream through: the
 * kubelet speaks WebSocket and SPDY itself (upstream's ExtendWebSocketsToKubelet, KEP-4006).
 * Upstream: pkg/registry/core/pod/strategy.go (locations), pkg/registry/core/pod/rest.
 */
import type { Handler, HttpResponse } from '#base/http/message.ts';
import { webSocketResponse } from '#base/http/web-socket-body.ts';
import { isWebSocketRequest } from '#base/http/websocket.ts';
import type { Node, Pod, PodExecOptions } from '#api/gen/core-v1.ts';
import {
  badRequest,
  forbidden,
  internalError,
  notFound,
  serviceUnavailable,
} from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { attributesFor, forbiddenMessage } from '../authz/authorizer.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { isTrue } from '../request-info.ts';
import { errorResponse } from '../respond.ts';
import { admitConnect, type ConnectOptions } from './connect-options.ts';
import type { SubresourceServices } from './services.ts';

/** Where kubelets are: a handler that speaks to the kubelet of a node, as this API server. */
export interface KubeletConnector {
  to(node: Node): Handler;
}

export interface StreamServices extends SubresourceServices {
  readonly kubelets: KubeletConnector;
}

export interface StreamHandler {
  readonly subresource: string;
  readonly methods: readonly string[];
  handle(
    context: RequestContext,
    services: StreamServices,
    resource: Resource,
  ): Promise<HttpResponse>;
}

/** Of `pods`, all of them. */
export const STREAM_HANDLERS: readonly StreamHandler[] = [
  { subresource: 'log', methods: ['GET'], handle: readLog },
  {
    subresource: 'exec',
    methods: ['GET', 'POST'],
    handle: (context, services) => connect(context, services, 'exec'),
  },
  {
    subresource: 'attach',
    methods: ['GET', 'POST'],
    handle: (context, services) => connect(context, services, 'attach'),
  },
  {
    subresource: 'portforward',
    methods: ['GET', 'POST'],
    handle: (context, services) => connect(context, services, 'portForward'),
  },
];

interface Target {
  readonly pod: Pod;
  readonly node: Node;
}

async function targetOf(context: RequestContext, services: StreamServices): Promise<Target> {
  const { namespace, name } = context.info;
  const pods = services.resourceOf('', 'pods');
  if (pods === undefined) throw internalError('pods are not served');
  const entry = await services.registry.entry(pods, namespace, name);
  const pod = pods.read(entry) as unknown as Pod;
  const nodeName = pod.spec?.nodeName ?? '';
  if (nodeName === '') throw badRequest(`pod ${name} does not have a host assigned`);
  const node = services.reader.get({ group: '', plural: 'nodes' }, '', nodeName) as
    | Node
    | undefined;
  if (node === undefined) throw notFound({ group: '', resource: 'nodes' }, nodeName);
  return { pod, node };
}

/** The container asked for, or the only one, or the default one; upstream's 400 otherwise. */
function containerOf(pod: Pod, asked: string): string {
  const name = pod.metadata?.name ?? '';
  const containers = (pod.spec?.containers ?? []).map((container) => container.name);
  const inits = (pod.spec?.initContainers ?? []).map((container) => container.name);
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) => container.name);
  if (asked !== '') {
    if ([...containers, ...inits, ...ephemeral].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const preferred = pod.metadata?.annotations?.['kubectl.kubernetes.io/default-container'] ?? '';
  if (preferred !== '' && containers.includes(preferred)) return preferred;
  const [only] = containers;
  if (containers.length === 1 && inits.length === 0 && ephemeral.length === 0 && only !== undefined)
    return only;
  if (containers.length === 1 && only !== undefined && inits.length > 0) {
    throw badRequest(
      `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}] or one of the init containers: [${inits.join(' ')}]`,
    );
  }
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]`,
  );
}

const LOG_PARAMETERS = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
];

async function readLog(context: RequestContext, services: StreamServices): Promise<HttpResponse> {
  const { pod, node } = await targetOf(context, services);
  const container = containerOf(pod, context.info.query.get('container') ?? '');
  const query = new URLSearchParams();
  for (const name of LOG_PARAMETERS) {
    const value = context.info.query.get(name);
    if (value !== null && value !== '') query.set(name, value);
  }
  const path = `/containerLogs/${podPath(pod)}/${encodeURIComponent(container)}`;
  const response = await ask(services, node, {
    method: 'GET',
    url: withQuery(path, query),
    headers: {},
    ...(context.signal ? { signal: context.signal } : {}),
  });
  if (response.status >= 400) return relayed(response);
  const { headers } = context.request;
  if (isWebSocketRequest(headers)) return webSocketResponse(headers, response.body);
  const { 'content-type': type = 'text/plain' } = response.headers;
  return {
    status: response.status,
    headers: { 'content-type': type },
    ...(response.body ? { body: response.body } : {}),
  };
}

type Endpoint = 'exec' | 'attach' | 'portForward';

/** PodExecOptions, PodAttachOptions and PodPortForwardOptions. */
interface StreamOptions extends Partial<Omit<PodExecOptions, 'apiVersion' | 'kind'>> {
  ports?: number[];
}

async function connect(
  context: RequestContext,
  services: StreamServices,
  endpoint: Endpoint,
): Promise<HttpResponse> {
  await mayConnect(context, services);
  const pods = services.resourceOf('', 'pods');
  if (pods === undefined) throw internalError('pods are not served');
  const options = connectOptions(context, endpoint);
  await admitConnect(context, services.writes, pods, options);
  const { pod, node } = await targetOf(context, services);
  const response = await ask(services, node, {
    method: context.request.method,
    url: streamUrl(options.object, pod, endpoint),
    headers: streamHeaders(context.request.headers),
  });
  const { upgrade } = response;
  if (response.status !== 101 || upgrade === undefined) return relayed(response);
  return { status: 101, headers: response.headers, upgrade };
}

/** The options of a request as an object, which admission may change. */
function connectOptions(
  { info: { query } }: RequestContext,
  endpoint: Endpoint,
): ConnectOptions<StreamOptions> {
  if (endpoint === 'portForward') {
    const ports = query
      .getAll('ports')
      .flatMap((text) => text.split(','))
      .map(portOf);
    return { kind: 'PodPortForwardOptions', object: ports.length === 0 ? {} : { ports } };
  }
  const object: StreamOptions = {};
  for (const name of STREAMS) {
    const value = query.get(name);
    if (value !== null && isTrue(value)) object[name] = true;
  }
  const container = query.get('container') ?? '';
  if (container !== '') object.container = container;
  if (endpoint === 'attach') return { kind: 'PodAttachOptions', object };
  const command = query.getAll('command');
  if (command.length > 0) object.command = command;
  return { kind: 'PodExecOptions', object };
}

const PORT_MAX = 65_535;

/** Throws upstream's 400 for what is no port. */
function portOf(text: string): number {
  const isNumber = /^\d+$/.test(text);
  if (isNumber && Number(text) <= PORT_MAX) return Number(text);
  const cause = isNumber ? 'value out of range' : 'invalid syntax';
  throw badRequest(
    `cannot convert to []int32: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${cause}`,
  );
}

const STREAMS = ['stdin', 'stdout', 'stderr', 'tty'] as const;
const KUBELET_NAMES = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;

function streamUrl(options: StreamOptions, pod: Pod, endpoint: Endpoint): string {
  const query = new URLSearchParams();
  if (endpoint === 'portForward') {
    for (const port of options.ports ?? []) query.append('port', String(port));
    return withQuery(`/portForward/${podPath(pod)}`, query);
  }
  const container = containerOf(pod, options.container ?? '');
  for (const name of STREAMS) if (options[name] === true) query.set(KUBELET_NAMES[name], '1');
  for (const word of options.command ?? []) query.append('command', word);
  return withQuery(`/${endpoint}/${podPath(pod)}/${encodeURIComponent(container)}`, query);
}

/** GET may upgrade to a stream that acts: whoever uses it needs `create` too (v1.35). */
async function mayConnect(context: RequestContext, services: StreamServices): Promise<void> {
  if (context.request.method !== 'GET') return;
  const attributes = { ...attributesFor(context.user, context.info), verb: 'create' };
  const { outcome } = await services.authorize(attributes, context.signal);
  if (outcome === 'allow') return;
  throw forbidden({ group: '', resource: 'pods' }, context.info.name, forbiddenMessage(attributes));
}

const PASSED_ON = [
  'upgrade',
  'connection',
  'x-stream-protocol-version',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
];

function streamHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = headers[name];
    if (value === undefined) continue;
    // A bearer token in the subprotocol is for this server alone.
    passed[name] = name === 'sec-websocket-protocol' ? withoutToken(value) : value;
  }
  return passed;
}

function withoutToken(protocols: string): string {
  return protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith('base64url.bearer.authorization.k8s.io.'))
    .join(', ');
}

async function ask(
  services: StreamServices,
  node: Node,
  request: Parameters<Handler>[0],
): Promise<HttpResponse> {
  try {
    return await services.kubelets.to(node)(request);
  } catch (error) {
    const cause = messageOf(error);
    throw serviceUnavailable(
      `error trying to reach the kubelet of node ${JSON.stringify(node.metadata?.name)}: ${cause}`,
    );
  }
}

/** The kubelet's refusal as it is, without headers of its connection. */
function relayed(response: HttpResponse): HttpResponse {
  const { 'content-type': type = 'text/plain' } = response.headers;
  if (response.body === undefined && response.status === 101)
    return errorResponse(internalError('the kubelet did not upgrade the connection'));
  return {
    status: response.status,
    headers: { 'content-type': type },
    ...(response.body ? { body: response.body } : {}),
  };
}

function podPath(pod: Pod): string {
  return `${encodeURIComponent(pod.metadata?.namespace ?? '')}/${encodeURIComponent(pod.metadata?.name ?? '')}`;
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}
