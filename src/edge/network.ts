/** The real `Network` door: TCP, TLS, unix and UDP sockets. */
import { createSocket } from 'node:dgram';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { DatagramSocket, DialOptions, Network } from '#base/doors.ts';
import { serverNameOptions } from './tls-name.ts';

const DIAL_TIMEOUT_MS = 10_000;

export function realNetwork(): Network {
  return { dial, listenTcp, bindUdp };
}

function dial(options: DialOptions): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = open(options);
    const fail = (error: Error): void => {
      release();
      socket.destroy();
      reject(error);
    };
    const timeoutMs = options.timeoutMs ?? DIAL_TIMEOUT_MS;
    const timer = setTimeout(
      () =>
        fail(new Error(`Cannot connect to ${targetOf(options)}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const aborted = (): void => fail(new Error(`Cannot connect to ${targetOf(options)}: given up`));
    const release = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', aborted);
      socket.removeListener('error', fail);
    };
    socket.once('error', fail);
    options.signal?.addEventListener('abort', aborted);
    if (options.signal?.aborted === true) return aborted();
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      release();
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function open(options: DialOptions): Socket {
  const where =
    options.path === undefined
      ? { host: options.host ?? '127.0.0.1', port: options.port ?? 0 }
      : { path: options.path };
  const { tls } = options;
  if (tls === undefined) return connect(where);
  return connectTls({
    ...where,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : serverNameOptions(tls.serverName)),
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
    rejectUnauthorized: tls.insecureSkipVerify !== true,
  });
}

function targetOf({ host, port, path }: DialOptions): string {
  return path ?? `${host ?? '127.0.0.1'}:${port ?? 0}`;
}

async function listenTcp(
  options: { host?: string; port?: number; path?: string },
  onConnection: (socket: Duplex) => void,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (options.path === undefined)
      server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
    else server.listen(options.path, resolve);
  });
  const address = server.address() as AddressInfo | string | null;
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

async function bindUdp(
  options: { host: string; port: number; shared?: boolean },
  onMessage: (message: Uint8Array, port: number, address: string) => void,
): Promise<DatagramSocket> {
  const socket = createSocket({
    type: options.host.includes(':') ? 'udp6' : 'udp4',
    reusePort: options.shared === true,
  });
  socket.on('message', (message, { port, address }) => onMessage(message, port, address));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(options.port, options.host, () => {
      socket.removeListener('error', reject);
      resolve();
    });
  });
  // A datagram that cannot be delivered is lost, as datagrams are.
  socket.on('error', () => {});
  return {
    port: socket.address().port,
    send(message, port, address) {
      socket.send(message, port, address, () => {});
    },
    close: () => socket.close(),
  };
}
