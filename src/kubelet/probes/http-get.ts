/**
 * One HTTP GET to a container, for probes and hooks.
 *
 * Not the project's HTTP client: it must go to any address, accept any certificate, read little,
 * and word its errors as Go does, for they end up in events. Upstream: pkg/probe/http/http.go,
 * v1.36.
 */
import type { Duplex } from 'node:stream';
import type { Container, HTTPGetAction } from '#api/gen/core-v1.ts';
import type { Network } from '#base/doors.ts';
import { messageOf } from '#base/error.ts';
import { dialError } from '#base/http/dial-error.ts';

/** What is read of a body. */
const BODY_BYTES_MAX = 10 * 1024;
const HEAD_BYTES_MAX = 64 * 1024;

export interface HttpGetResult {
  readonly status: number;
  readonly body: string;
  readonly location?: string;
}

export interface HttpGetTarget {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** With the query. */
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Resolves a port by number or by the name that the container gives it. Throws an Error. */
export function containerPort(port: number | string, container: Container): number {
  if (typeof port === 'number') return checkedPort(port);
  const named = (container.ports ?? []).find(({ name }) => name === port);
  if (named !== undefined) return checkedPort(named.containerPort);
  const number = Number(port);
  if (Number.isInteger(number)) return checkedPort(number);
  throw new Error(`couldn't find port: ${port} in container: ${container.name}`);
}

function checkedPort(port: number): number {
  if (port > 0 && port < 65536) return port;
  throw new Error(`invalid port number: ${port}`);
}

export function httpGetTarget(
  action: HTTPGetAction,
  container: Container,
  podIp: string,
): HttpGetTarget {
  const path = action.path ?? '/';
  return {
    scheme: action.scheme === 'HTTPS' ? 'https' : 'http',
    host: action.host === undefined || action.host === '' ? podIp : action.host,
    port: containerPort(action.port, container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers: action.httpHeaders ?? [],
  };
}

export function targetUrl({ scheme, host, port, path }: HttpGetTarget): string {
  return `${scheme}://${authority(host, port)}${path}`;
}

function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export interface HttpGetOptions {
  readonly network: Network;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** `kube-probe/1.36`, `kube-lifecycle/1.36` */
  readonly userAgent: string;
}

/** Rejects with the text that Go's client gives. `signal` must fire after the time limit. */
export async function httpGet(
  target: HttpGetTarget,
  options: HttpGetOptions,
): Promise<HttpGetResult> {
  const { network, timeoutMs, signal } = options;
  const prefix = `Get "${targetUrl(target)}"`;
  let socket: Duplex;
  try {
    const { host, port, scheme } = target;
    const tls = scheme === 'https' ? { tls: { insecureSkipVerify: true, serverName: host } } : {};
    socket = await network.dial({ host, port, timeoutMs, signal, ...tls });
  } catch (error) {
    const late = signal.aborted;
    const text = late ? TIMED_OUT : dialError(error, authority(target.host, target.port));
    throw new Error(`${prefix}: ${text}`, { cause: error });
  }
  try {
    return await exchange(socket, requestHead(target, options.userAgent), signal);
  } catch (error) {
    const text = messageOf(error);
    throw new Error(`${prefix}: ${text}`, { cause: error });
  } finally {
    socket.destroy();
  }
}

const TIMED_OUT = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';

function requestHead(target: HttpGetTarget, userAgent: string): string {
  const headers = new Map([
    ['host', authority(target.host, target.port)],
    ['user-agent', userAgent],
    ['accept', '*/*'],
    ['connection', 'close'],
  ]);
  for (const { name, value } of target.headers) {
    if (/[\r\n]/.test(`${name}${value}`)) continue;
    headers.set(name.toLowerCase(), value);
  }
  const lines = [...headers].filter(([, value]) => value !== '').map((pair) => pair.join(': '));
  return `GET ${requestTarget(target.path)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** What is encoded already stays so; only what a request line may not hold is encoded. */
function requestTarget(path: string): string {
  return path.replace(/%(?![0-9a-fA-F]{2})|[^\x21-\x7e]+|["<>\\^`{|}]/g, encodeURIComponent);
}

function exchange(socket: Duplex, head: string, signal: AbortSignal): Promise<HttpGetResult> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpGetResult>();
  let received = Buffer.alloc(0);
  const abort = (): void => reject(new Error(TIMED_OUT));
  const finish = (ended: boolean): void => {
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) {
      if (ended) reject(new Error('EOF'));
      else if (received.length > HEAD_BYTES_MAX) reject(new Error('net/http: header too long'));
      return;
    }
    const result = parseResponse(received.subarray(0, end).toString('latin1'));
    if (result === undefined) return reject(new Error('malformed HTTP response'));
    const body = received.subarray(end + 4);
    const complete = result.length !== undefined && body.length >= result.length;
    if (!ended && !complete && body.length < BODY_BYTES_MAX) return;
    resolve({ ...result, body: body.subarray(0, BODY_BYTES_MAX).toString() });
  };
  signal.addEventListener('abort', abort);
  socket.on('data', (bytes: Uint8Array) => {
    received = Buffer.concat([received, bytes]);
    finish(false);
  });
  socket.on('end', () => finish(true));
  socket.on('error', (error) => {
    const reset = 'code' in error && error.code === 'ECONNRESET';
    reject(reset ? new Error('read: connection reset by peer') : error);
  });
  socket.write(head);
  return promise.finally(() => signal.removeEventListener('abort', abort));
}

function parseResponse(
  head: string,
): { readonly status: number; readonly location?: string; readonly length?: number } | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(first)?.[1]);
  if (!Number.isInteger(status)) return undefined;
  const header = (name: string): string | undefined => {
    const line = lines.find((one) => one.toLowerCase().startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim();
  };
  const location = header('location');
  const length = header('content-length');
  return {
    status,
    ...(location === undefined ? {} : { location }),
    ...(length === undefined ? {} : { length: Number(length) }),
  };
}
