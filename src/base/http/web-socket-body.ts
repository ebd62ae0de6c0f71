/**
 * A body that flows over a WebSocket, for readers that cannot take a stream of bytes (browsers).
 *
 * Source: the subprotocols `binary.k8s.io` and `base64.binary.k8s.io`. Upstream:
 * staging/src/k8s.io/streaming/pkg/httpstream/wsstream/stream.go, v1.36.
 */
import type { Body, Headers, HttpResponse } from './message.ts';
import { acceptHeaders, offeredProtocols, WebSocketConnection } from './websocket.ts';

/** Each message is text: base64 of the bytes. The other protocol, and none, send the bytes. */
const BASE64_PROTOCOL = 'base64.binary.k8s.io';
const PROTOCOLS: readonly string[] = ['binary.k8s.io', BASE64_PROTOCOL];
const NOTHING = new Uint8Array(0);

/** The answer to a WebSocket request whose messages are the pieces of `body`, after an empty one. */
export function webSocketResponse(headers: Headers, body: Body | undefined): HttpResponse {
  const offered = offeredProtocols(headers);
  const protocol = offered.find((each) => PROTOCOLS.includes(each));
  if (offered.length > 0 && protocol === undefined) return { status: 403, headers: {} };
  return {
    status: 101,
    headers: acceptHeaders(headers, protocol),
    upgrade: (socket, head) => {
      const closed: (() => void)[] = [];
      const webSocket = new WebSocketConnection(socket, head, {
        onMessage: () => {},
        onClose: () => {
          for (const callback of closed) callback();
        },
      });
      pour(body, { webSocket, isText: protocol === BASE64_PROTOCOL, closed });
      socket.resume();
    },
  };
}

interface Reader {
  readonly webSocket: WebSocketConnection;
  readonly isText: boolean;
  /** Who wants to know that the reader is gone. */
  readonly closed: (() => void)[];
}

function pour(body: Body | undefined, { webSocket, isText, closed }: Reader): void {
  const drained: (() => void)[] = [];
  const write = (bytes: Uint8Array): boolean => {
    const message = isText ? Buffer.from(Buffer.from(bytes).toString('base64')) : bytes;
    if (webSocket.send(message, isText)) return true;
    const goOn = (): void => drained.forEach((resume) => resume());
    webSocket.drained().then(goOn, () => {});
    return false;
  };
  // Tells the reader that the connection stands.
  write(NOTHING);
  if (body === undefined) return webSocket.close();
  if (body.kind === 'object' || body.kind === 'events')
    throw new TypeError('Cannot send body: it holds objects, not bytes');
  if (body.kind !== 'stream') {
    for (const bytes of body.kind === 'bytes' ? [body.bytes] : body.pieces) write(bytes);
    return webSocket.close();
  }
  body.start({
    write,
    end: () => webSocket.close(),
    abort: () => webSocket.close(1011),
    onDrain: (callback) => drained.push(callback),
    onClose: (callback) => closed.push(callback),
  });
}
