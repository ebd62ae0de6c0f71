/**
 * Opens a stream to the runtime's own streaming server, by an HTTP request that leaves HTTP.
 *
 * Written by hand over a socket, because what follows the answer is not HTTP. Source: RFC 9110,
 * section 7.8.
 */
import type { Duplex } from 'node:stream';
import type { Network } from '#base/doors.ts';
import type { Headers } from '#base/http/message.ts';

const HEAD_BYTES_MAX = 64 * 1024;
const DIAL_TIMEOUT_MS = 10_000;

export interface Upgraded {
  readonly status: number;
  readonly headers: Headers;
  readonly socket: Duplex;
  /** What came after the head of the answer. */
  readonly head: Uint8Array;
}

/** `protocols`: offered to the runtime, each in a header of its own. Rejects when none answers. */
export async function openUpgrade(
  network: Network,
  url: string,
  protocols: readonly string[],
): Promise<Upgraded> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const socket = await network.dial({
    host: hostname,
    port: Number(port),
    timeoutMs: DIAL_TIMEOUT_MS,
  });
  const lines = [
    `POST ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    'Content-Length: 0',
    ...protocols.map((protocol) => `X-Stream-Protocol-Version: ${protocol}`),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return readHead(socket);
}

function readHead(socket: Duplex): Promise<Upgraded> {
  const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
  let received = Buffer.alloc(0);
  const onData = (bytes: Uint8Array): void => {
    received = Buffer.concat([received, bytes]);
    const end = received.indexOf('\r\n\r\n');
    if (end < 0 && received.length < HEAD_BYTES_MAX) return;
    socket.removeListener('data', onData);
    socket.pause();
    const [first = '', ...lines] = received
      .subarray(0, Math.max(0, end))
      .toString('latin1')
      .split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(first.split(' ')[1] ?? 502);
    resolve({ status, headers, socket, head: received.subarray(end + 4) });
  };
  socket.on('data', onData);
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('the runtime closed the connection')));
  return promise;
}
