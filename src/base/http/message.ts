/**
 * HTTP as the project sees it: one request shape, one response shape, one function type.
 *
 * A server is a `Handler`; so is a client. The in-process transport is therefore the API server's
 * own handler, and a test needs no socket. `src/edge/http-server.ts` and `http-client.ts` put the
 * same shapes on real sockets.
 */
import type { Duplex } from 'node:stream';

/**
 * Names in lower case. A header that came several times is joined with ", " (RFC 9110, 5.3), but for
 * `set-cookie`, which cannot be, and `x-remote-…` and `impersonate-…`, whose values may hold commas:
 * those have a line for each. A value of several lines is sent as several headers.
 */
export type Headers = Readonly<Record<string, string>>;

export interface HttpRequest {
  readonly method: string;
  /** Path and query, as on the request line: `/api/v1/pods?limit=1`. */
  readonly url: string;
  readonly headers: Headers;
  /** The whole body. The server bounds its size before it calls a handler. */
  readonly body?: Uint8Array;
  /**
   * The body as it comes, instead of `body`: where the server was told that the handler passes it
   * on, and for a client that has it as a stream. Started at most once.
   */
  readonly bodyStream?: { start(sink: ByteSink): void };
  /** Aborted when the client goes away, or the caller of a client gives up. */
  readonly signal?: AbortSignal;
  readonly peer?: Peer;
  /**
   * Set by a caller in this process that takes objects instead of their bytes (docs/adr/0005).
   * Those of a list or watch are the server's own, and the caller must not change them; any other
   * is the caller's. Never set for what comes from a socket.
   */
  readonly takesObjects?: true;
}

/** Who is at the other end, as the transport knows it. */
export interface Peer {
  readonly address?: string;
  /** The connection carries many requests at a time (HTTP/2). */
  readonly isMultiplexed?: true;
  /** Verified client certificate (RFC 5280 subject), when one was shown. */
  readonly certificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    readonly uid?: string;
    /** SHA-256 of the certificate as DER, in lower-case hexadecimal. */
    readonly fingerprint?: string;
  };
  /** Verified client certificate of the front proxy's authority: it may speak for others. */
  readonly frontProxy?: { readonly commonName: string };
  /** Set by the in-process transport alone: the identity that the composition gave a component. */
  readonly component?: { readonly name: string; readonly groups: readonly string[] };
}

/**
 * Where a streamed body goes. `write` answers false when the reader is slow: the producer then
 * waits for `onDrain`, or gives up on the reader; it never buffers without limit.
 */
export interface ByteSink {
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** Breaks the connection: the reader sees an error, not an end. */
  abort(reason: Error): void;
  onDrain(callback: () => void): void;
  onClose(callback: () => void): void;
}

/** An event of a watch whose object is the server's own: shared by all readers, never changed. */
export interface ObjectEvent {
  readonly type: string;
  readonly object: unknown;
}

/** Where the events of a watch go when the reader `takesObjects`. Called from one place at a time. */
export interface ObjectSink {
  /** Events in order. The reader is done with them when the call returns: it cannot be slow. */
  events(batch: readonly ObjectEvent[]): void;
  end(): void;
  abort(reason: Error): void;
  onClose(callback: () => void): void;
}

/** A body that can go over a socket. */
export type ByteBody =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /**
   * Bytes that lie in pieces, or are made when the reader takes them (a list made of cached
   * objects): written without being joined. They are read once.
   */
  | {
      readonly kind: 'pieces';
      readonly pieces: Iterable<Uint8Array>;
      readonly length: number;
      /** A reader that calls this with a piece has done with it: its memory may be written again. */
      readonly release?: (piece: Uint8Array) => void;
      /** For whom they are: what is for one of them lets others' go first in between. */
      readonly owner?: string;
    }
  /** `start` is called once, when there is someone to read. */
  | { readonly kind: 'stream'; start(sink: ByteSink): void };

export type Body =
  | ByteBody
  /** An object or a list (`takesObjects`). */
  | { readonly kind: 'object'; readonly object: unknown }
  /** A watch as objects (`takesObjects`). */
  | { readonly kind: 'events'; start(sink: ObjectSink): void };

/** What is out of date in how a TLS server shows who it is. */
export type CertificateFault = 'missing-san' | 'insecure-sha1';

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body?: Body;
  /** Of whoever answered a client that notices them; none unless given. */
  readonly certificateFaults?: readonly CertificateFault[];
  /**
   * The connection leaves HTTP (status 101), and the answerer takes over the raw bytes. In a
   * server the transport writes the head of the answer, then calls this with the client's socket
   * and whatever the client had already sent. In a client the caller calls it, with a socket whose
   * bytes are then passed to and from the server: so a proxy returns the answer as it got it.
   */
  readonly upgrade?: (socket: Duplex, head: Uint8Array) => void;
}

/** Answers one request. A server's handler never rejects; a client's rejects when no answer came. */
export type Handler = (request: HttpRequest) => Promise<HttpResponse>;

const EMPTY = new Uint8Array(0);

/** The whole body. Rejects when a stream is broken off or grows beyond `maxBytes`. */
export function readBody(
  body: Body | undefined,
  maxBytes = 256 * 1024 * 1024,
): Promise<Uint8Array> {
  if (body === undefined) return Promise.resolve(EMPTY);
  if (body.kind === 'bytes') return Promise.resolve(body.bytes);
  if (body.kind === 'pieces') return Promise.resolve(Buffer.concat([...body.pieces], body.length));
  if (body.kind === 'object' || body.kind === 'events')
    return Promise.reject(new TypeError('Cannot read body: it holds objects, not bytes'));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    body.start({
      write(bytes) {
        size += bytes.length;
        if (size > maxBytes) {
          reject(new RangeError(`Cannot read body: more than ${maxBytes} bytes`));
          return false;
        }
        chunks.push(bytes);
        return true;
      },
      end: () => resolve(Buffer.concat(chunks, size)),
      abort: reject,
      onDrain: () => {},
      onClose: () => {},
    });
  });
}
