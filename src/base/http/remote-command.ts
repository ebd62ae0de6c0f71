/**
 * exec and attach: from a client that speaks WebSocket to a server that speaks SPDY.
 *
 * A WebSocket message begins with the number of its channel; SPDY has a stream for each. Source:
 * Kubernetes documentation of the streaming protocols; KEP-4006. Upstream:
 * staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go,
 * staging/src/k8s.io/apiserver/pkg/util/proxy/streamtranslator.go, v1.36.
 */
import type { SpdyConnection, SpdyStream } from './spdy.ts';
import type { WebSocketConnection } from './websocket.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
const CLOSE_SIGNAL = 255;
const STREAM_TYPES = ['stdin', 'stdout', 'stderr', 'error', 'resize'] as const;
/** What the error stream may say: a Status. */
const STATUS_BYTES_MAX = 1024 * 1024;
const SUCCESS = Buffer.from('{"metadata":{},"status":"Success"}');

/** Subprotocols that are served, the best first. Their base64 forms send text. */
const PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'base64.channel.k8s.io',
];

/** The first that the client offers and we serve; '' when it offers none; undefined: no common one. */
export function chooseChannelProtocol(offered: readonly string[]): string | undefined {
  if (offered.length === 0) return '';
  return offered.find((protocol) => PROTOCOLS.includes(protocol));
}

export interface RemoteCommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not together with `tty`. */
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface RemoteCommandBridge {
  /** To be called with each message of the WebSocket. */
  onMessage(bytes: Uint8Array, text: boolean): void;
  /** To be called when the WebSocket has ended. */
  onWebSocketClose(): void;
  /** To be called when the SPDY connection has ended. */
  onSpdyClose(): void;
}

/** Opens the streams and passes everything on, until the command has ended. */
export function bridgeRemoteCommand(
  webSocket: WebSocketConnection,
  spdy: SpdyConnection,
  wanted: RemoteCommandStreams,
  protocol: string,
): RemoteCommandBridge {
  return new Bridge(webSocket, spdy, wanted, protocol);
}

class Bridge implements RemoteCommandBridge {
  readonly #webSocket: WebSocketConnection;
  readonly #spdy: SpdyConnection;
  readonly #base64: boolean;
  readonly #hasStatus: boolean;
  readonly #streams = new Map<number, SpdyStream>();
  /** Streams of output, the error stream among them, that have not ended. */
  readonly #open = new Set<number>();
  readonly #status: Uint8Array[] = [];
  #statusBytes = 0;
  #done = false;

  constructor(
    webSocket: WebSocketConnection,
    spdy: SpdyConnection,
    wanted: RemoteCommandStreams,
    protocol: string,
  ) {
    this.#webSocket = webSocket;
    this.#spdy = spdy;
    this.#base64 = protocol.includes('base64');
    this.#hasStatus = protocol.startsWith('v');
    this.#openStream(CHANNEL.error);
    if (wanted.stdin) this.#openStream(CHANNEL.stdin);
    if (wanted.stdout) this.#openStream(CHANNEL.stdout);
    if (wanted.stderr && !wanted.tty) this.#openStream(CHANNEL.stderr);
    if (wanted.tty) this.#openStream(CHANNEL.resize);
    // Tells the client that the connection stands.
    const first = [CHANNEL.stdout, CHANNEL.stderr].find((channel) => this.#streams.has(channel));
    this.#send(first ?? CHANNEL.error, new Uint8Array(0));
  }

  #openStream(channel: number): void {
    const stream = this.#spdy.openStream({ streamtype: STREAM_TYPES[channel] ?? '' });
    this.#streams.set(channel, stream);
    if (channel === CHANNEL.stdin || channel === CHANNEL.resize) return;
    this.#open.add(channel);
    stream.onData = (bytes) => this.#output(channel, bytes);
    stream.onEnd = () => {
      this.#open.delete(channel);
      if (this.#open.size === 0) this.#finish();
    };
    // Nothing goes this way.
    stream.end();
  }

  onMessage(bytes: Uint8Array, text: boolean): void {
    const message = this.#base64 && text ? fromBase64(bytes) : bytes;
    const [channel] = message;
    if (channel === CLOSE_SIGNAL) {
      this.#streams.get(message[1] ?? CLOSE_SIGNAL)?.end();
      return;
    }
    const stream = channel === undefined ? undefined : this.#streams.get(channel);
    if (stream === undefined || stream.localEnded || message.length < 2) return;
    if (stream.write(message.subarray(1))) return;
    this.#webSocket.pause();
    this.#spdy.drained().then(
      () => this.#webSocket.resume(),
      () => {},
    );
  }

  onWebSocketClose(): void {
    this.#done = true;
    this.#spdy.close();
  }

  onSpdyClose(): void {
    this.#finish();
  }

  #output(channel: number, bytes: Uint8Array): void {
    if (channel === CHANNEL.error) {
      this.#statusBytes += bytes.length;
      if (this.#statusBytes <= STATUS_BYTES_MAX) this.#status.push(Uint8Array.from(bytes));
      return;
    }
    if (this.#send(channel, bytes)) return;
    this.#spdy.pause();
    this.#webSocket.drained().then(
      () => this.#spdy.resume(),
      () => {},
    );
  }

  #send(channel: number, bytes: Uint8Array): boolean {
    if (!this.#base64) return this.#webSocket.send(Buffer.concat([Uint8Array.of(channel), bytes]));
    const text = `${channel}${Buffer.from(bytes).toString('base64')}`;
    return this.#webSocket.send(Buffer.from(text), true);
  }

  /** The status comes last, when all output has been passed on. */
  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const said = Buffer.concat(this.#status);
    const last = this.#hasStatus ? (said.length > 0 ? said : SUCCESS) : failureIn(said);
    if (last !== undefined) this.#send(CHANNEL.error, last);
    this.#webSocket.close();
    this.#spdy.close();
  }
}

/** What the protocols without a status say of one: the message of a failure, of a success nothing. */
function failureIn(said: Uint8Array): Uint8Array | undefined {
  if (said.length === 0) return undefined;
  const text = Buffer.from(said).toString();
  try {
    const { status, message } = JSON.parse(text) as { status?: unknown; message?: unknown };
    if (status === 'Success') return undefined;
    return Buffer.from(typeof message === 'string' ? message : text);
  } catch {
    return said;
  }
}

/** The channel as a digit, then base64. */
function fromBase64(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  const channel = Number(text.slice(0, 1));
  return Buffer.concat([Uint8Array.of(channel), Buffer.from(text.slice(1), 'base64')]);
}
