/**
 * exec, attach and port-forward: the runtime serves them, in SPDY; the kubelet passes them on.
 *
 *   SPDY client                ─▶ byte for byte
 *   WebSocket, channels        ─▶ translated to streams (exec, attach)
 *   WebSocket, SPDY tunnelled  ─▶ unwrapped (port-forward)
 *
 * Upstream: pkg/kubelet/server/server.go; KEP-4006, v1.36.
 */
import type { Duplex } from 'node:stream';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Network } from '#base/doors.ts';
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import {
  bridgeRemoteCommand,
  chooseChannelProtocol,
  type RemoteCommandBridge,
  type RemoteCommandStreams,
} from '#base/http/remote-command.ts';
import { SpdyConnection } from '#base/http/spdy.ts';
import {
  acceptHeaders,
  isWebSocketRequest,
  offeredProtocols,
  WebSocketConnection,
} from '#base/http/websocket.ts';
import type { Cri } from '../cri/cri.ts';
import { latestContainer } from '../pod/observed.ts';
import { textResponse } from './responses.ts';
import type { ServedPods } from './served-pods.ts';
import { openUpgrade, type Upgraded } from './upgrade.ts';

export interface StreamCall {
  readonly request: HttpRequest;
  readonly pod: Pod;
  readonly container: string;
  readonly cri: Cri;
  readonly network: Network;
  readonly pods: ServedPods;
}

/** Of the runtime's SPDY side: all that we can bridge to. */
const COMMAND_PROTOCOL = 'v4.channel.k8s.io';
const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
const TUNNEL_PREFIX = 'SPDY/3.1+';

export async function serveExec(call: StreamCall): Promise<HttpResponse> {
  const { searchParams } = new URL(call.request.url, 'http://kubelet');
  const containerId = runningId(call);
  if (containerId === undefined) return notRunning(call);
  const streams = wantedStreams(searchParams);
  if (!streams.stdin && !streams.stdout && !streams.stderr) return noStreams();
  const cmd = searchParams.getAll('command');
  const { url = '' } = await call.cri.call('exec', { containerId, cmd, ...streams });
  return remoteCommand(call, url, streams);
}

export async function serveAttach(call: StreamCall): Promise<HttpResponse> {
  const { searchParams } = new URL(call.request.url, 'http://kubelet');
  const containerId = runningId(call);
  if (containerId === undefined) return notRunning(call);
  const streams = wantedStreams(searchParams);
  if (!streams.stdin && !streams.stdout && !streams.stderr) return noStreams();
  const { url = '' } = await call.cri.call('attach', { containerId, ...streams });
  return remoteCommand(call, url, streams);
}

function noStreams(): HttpResponse {
  return textResponse(400, 'you must specify at least 1 of stdin, stdout, stderr');
}

function notRunning({ container, pod }: StreamCall): HttpResponse {
  const { name = '', namespace = '' } = pod.metadata ?? {};
  return textResponse(500, `container not found ("${container}") in pod ${name}_${namespace}`);
}

function runningId({ pod, container, pods }: StreamCall): string | undefined {
  const latest = latestContainer(pods.observed(pod.metadata?.uid ?? ''), container);
  return latest?.state === 'running' ? latest.id : undefined;
}

function wantedStreams(query: URLSearchParams): RemoteCommandStreams {
  const is = (name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '');
  const tty = is('tty');
  // A terminal has one output.
  return { stdin: is('input'), stdout: is('output'), stderr: is('error') && !tty, tty };
}

async function remoteCommand(
  call: StreamCall,
  url: string,
  streams: RemoteCommandStreams,
): Promise<HttpResponse> {
  const { request, network } = call;
  if (!isWebSocketRequest(request.headers)) return passOn(call, url);
  const protocol = chooseChannelProtocol(offeredProtocols(request.headers));
  if (protocol === undefined) return textResponse(400, 'no supported subprotocol was offered');
  const runtime = await openUpgrade(network, url, [COMMAND_PROTOCOL]);
  if (runtime.status !== 101) return refused(runtime);
  return {
    status: 101,
    headers: acceptHeaders(request.headers, protocol),
    upgrade: (socket, head) => bridge({ socket, head, runtime, streams, protocol }),
  };
}

function bridge(ends: {
  readonly socket: Duplex;
  readonly head: Uint8Array;
  readonly runtime: Upgraded;
  readonly streams: RemoteCommandStreams;
  readonly protocol: string;
}): void {
  const { socket, head, runtime, streams, protocol } = ends;
  // Each end tells the bridge, which needs both ends to be made.
  const made: { bridge?: RemoteCommandBridge } = {};
  const webSocket = new WebSocketConnection(socket, head, {
    onMessage: (bytes, text) => made.bridge?.onMessage(bytes, text),
    onClose: () => made.bridge?.onWebSocketClose(),
  });
  const spdy = new SpdyConnection(runtime.socket, runtime.head, {
    role: 'client',
    onClose: () => made.bridge?.onSpdyClose(),
  });
  made.bridge = bridgeRemoteCommand(webSocket, spdy, streams, protocol);
  runtime.socket.resume();
}

/** The client speaks SPDY too: its bytes are the runtime's. */
async function passOn({ request, network }: StreamCall, url: string): Promise<HttpResponse> {
  if (!/^spdy\/3\.1$/i.test(request.headers['upgrade'] ?? '')) {
    return textResponse(400, 'Upgrade request required');
  }
  const offered = (request.headers['x-stream-protocol-version'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
  const runtime = await openUpgrade(network, url, offered);
  if (runtime.status !== 101) return refused(runtime);
  const chosen = runtime.headers['x-stream-protocol-version'];
  return {
    status: 101,
    headers: {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      ...(chosen === undefined ? {} : { 'x-stream-protocol-version': chosen }),
    },
    upgrade: (socket, head) => join(socket, head, runtime),
  };
}

function join(socket: Duplex, head: Uint8Array, runtime: Upgraded): void {
  if (runtime.head.length > 0) socket.write(runtime.head);
  if (head.length > 0) runtime.socket.write(head);
  socket.pipe(runtime.socket);
  runtime.socket.pipe(socket);
  const end = (): void => {
    socket.destroy();
    runtime.socket.destroy();
  };
  for (const one of [socket, runtime.socket]) {
    one.on('error', end);
    one.on('close', end);
  }
}

function refused({ status, socket, head }: Upgraded): HttpResponse {
  socket.destroy();
  return textResponse(status, Buffer.from(head).toString());
}

export async function servePortForward(call: StreamCall): Promise<HttpResponse> {
  const { request, pod, pods, cri } = call;
  const sandbox = pods.observed(pod.metadata?.uid ?? '').sandboxes.find(({ ready }) => ready);
  if (sandbox === undefined) {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    return textResponse(500, `pod ${name}_${namespace} is not running`);
  }
  const { url = '' } = await cri.call('portForward', { podSandboxId: sandbox.id });
  if (!isWebSocketRequest(request.headers)) return passOn(call, url);
  const tunnel = `${TUNNEL_PREFIX}${PORT_FORWARD_PROTOCOL}`;
  if (!offeredProtocols(request.headers).includes(tunnel)) {
    return textResponse(400, `only the subprotocol ${tunnel} is supported`);
  }
  const runtime = await openUpgrade(call.network, url, [PORT_FORWARD_PROTOCOL]);
  if (runtime.status !== 101) return refused(runtime);
  return {
    status: 101,
    headers: acceptHeaders(request.headers, tunnel),
    upgrade: (socket, head) => unwrap(socket, head, runtime),
  };
}

/** The client's SPDY lies in the messages of its WebSocket. */
function unwrap(socket: Duplex, head: Uint8Array, runtime: Upgraded): void {
  const webSocket = new WebSocketConnection(socket, head, {
    onMessage: (bytes) => {
      if (runtime.socket.write(bytes)) return;
      webSocket.pause();
      runtime.socket.once('drain', () => webSocket.resume());
    },
    onClose: () => runtime.socket.destroy(),
  });
  const pass = (bytes: Uint8Array): void => {
    if (webSocket.send(bytes)) return;
    runtime.socket.pause();
    webSocket.drained().then(
      () => runtime.socket.resume(),
      () => {},
    );
  };
  if (runtime.head.length > 0) pass(runtime.head);
  runtime.socket.on('data', pass);
  runtime.socket.on('error', () => webSocket.close(1011));
  runtime.socket.on('close', () => webSocket.close());
  runtime.socket.resume();
}
