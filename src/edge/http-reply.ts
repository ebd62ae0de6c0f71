/** What goes out: an `HttpResponse` on a response of node:http or node:http2. */
import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { ByteBody, HttpResponse } from '#base/http/message.ts';
import type { HttpRequestIn } from './http-intake.ts';
import { STATUS_CODES } from './node-http.ts';
import { type Bulk, BulkRounds } from './bulk-rounds.ts';
import type { ReaderWatch } from './slow-clients.ts';
import { type Outlet, StreamSink } from './stream-sink.ts';

type BodyInPieces = Extract<ByteBody, { kind: 'pieces' }>;
export type HttpResponseOut = ServerResponse | Http2ServerResponse;

/** Headers that are of one HTTP/1.1 connection have no place in HTTP/2 (RFC 9113, 8.2.2). */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
]);

export function reply(
  response: HttpResponseOut,
  answer: HttpResponse,
  options: { readonly headOnly?: boolean; readonly reader: ReaderWatch },
): void {
  const { body } = answer;
  const { reader } = options;
  setHead(response, answer);
  if (body === undefined || options.headOnly === true) {
    // Without a length an answer to HEAD would be announced as chunked.
    if (body?.kind === 'bytes' || body?.kind === 'pieces') setLength(response, body);
    response.end();
    reader.owes(0);
    return;
  }
  if (body.kind === 'object' || body.kind === 'events')
    throw new TypeError('Cannot send body: objects stay in their process');
  if (body.kind === 'stream') {
    const out = asWritable(response);
    const gone = 'stream' in response ? response.stream.destroyed : response.destroyed;
    if (!gone) out.flushHeaders();
    // Also when the client is gone: the producer learns of it from its sink.
    body.start(new StreamSink(out, { isClosed: gone, inChunks: takesChunks(response), reader }));
    return;
  }
  setLength(response, body);
  if (body.kind === 'pieces') return new Sending(asWritable(response), body, reader).start();
  response.end(body.bytes);
  reader.owes(body.bytes.length);
}

function setHead(response: HttpResponseOut, { status, headers }: HttpResponse): void {
  const isHttp2 = 'stream' in response;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) {
    if (isHttp2 && CONNECTION_HEADERS.has(name.toLowerCase())) continue;
    response.setHeader(name, name === 'set-cookie' ? value.split('\n') : value);
  }
}

function setLength(response: HttpResponseOut, body: Exclude<ByteBody, { kind: 'stream' }>): void {
  const length = body.kind === 'bytes' ? body.bytes.length : body.length;
  response.setHeader('content-length', length);
}

/**
 * After its head: whether the rest of `response` is given to it in chunks of HTTP/1.1. node:http
 * would make them for each reader anew, and of four pieces each.
 */
function takesChunks(response: HttpResponseOut): boolean {
  if ('stream' in response || !response.headersSent || !response.chunkedEncoding) return false;
  response.chunkedEncoding = false;
  return true;
}

function asWritable(response: HttpResponseOut): Outlet {
  // Both have these methods; the union of their overloads cannot be called.
  return response as unknown as Outlet;
}

/** About this much is handed to the socket in one piece. */
const CHUNK_BYTES = 128 * 1024;

/**
 * After this long others have their turn: towards a fast reader the socket is drained within the
 * turn that filled it, again and again. Short, because one round of the loop can have three of
 * these, and the making of the answer before them.
 */
const TURN_MS = 1;
/** A reader that lets others wait for so long is slow: they go first. */
const SLOW_MS = 500;
/** One for the process: it is the time of its one loop that they divide. */
const bulk = new BulkRounds();

/** Pieces on their way out, as fast as the reader takes them; small ones are joined. */
class Sending implements Bulk {
  readonly #out: Outlet;
  readonly #body: BodyInPieces;
  readonly #reader: ReaderWatch;
  readonly #pieces: Iterator<Uint8Array>;
  #left: number;
  #isDone = false;
  #gone = false;
  /** Runs while the reader lets us wait. */
  #patience: NodeJS.Timeout | undefined;

  constructor(out: Outlet, body: BodyInPieces, reader: ReaderWatch) {
    this.#out = out;
    this.#body = body;
    this.#reader = reader;
    this.#left = body.length;
    this.#pieces = body.pieces[Symbol.iterator]();
    out.on('close', () => {
      this.#gone = true;
      clearTimeout(this.#patience);
      bulk.leave(this);
    });
    out.on('drain', () => {
      if (this.#isDone) return;
      clearTimeout(this.#patience);
      this.#reader.taken();
      bulk.join(this);
    });
  }

  get owner(): string {
    return this.#body.owner ?? '';
  }

  left(): number {
    return this.#left;
  }

  start(): void {
    if (this.#left <= CHUNK_BYTES) this.turn();
    else bulk.join(this);
  }

  turn(): void {
    const beganMs = performance.now();
    while (!this.#gone) {
      if (performance.now() - beganMs > TURN_MS) return bulk.join(this);
      const { bytes, written } = this.#gather();
      this.#left -= bytes.length;
      // The last of it goes with the end, in one write.
      if (this.#isDone) {
        this.#out.end(bytes);
        bulk.leave(this);
        return this.#reader.owes(bytes.length);
      }
      if (!this.#out.write(bytes, written)) return this.#wait(bytes.length);
    }
  }

  /** Goes on when the reader has taken what it has. */
  #wait(bytes: number): void {
    this.#reader.owes(bytes);
    this.#patience = setTimeout(() => bulk.stalls(this), SLOW_MS);
  }

  #gather(): { readonly bytes: Uint8Array; readonly written?: () => void } {
    const { release } = this.#body;
    const chunk: Uint8Array[] = [];
    let size = 0;
    while (size < CHUNK_BYTES / 2) {
      const next = this.#pieces.next();
      if (next.done === true) {
        this.#isDone = true;
        break;
      }
      chunk.push(next.value);
      size += next.value.length;
    }
    const [only] = chunk;
    if (chunk.length === 1 && only !== undefined)
      return { bytes: only, written: () => release?.(only) };
    const bytes = Buffer.concat(chunk, size);
    if (release !== undefined) for (const piece of chunk) release(piece);
    return { bytes };
  }
}

/** The head of a 101 answer, in front of whatever the two ends say to each other then. */
export function writeUpgradeHead(socket: Duplex, { status, headers }: HttpResponse): void {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value.split('\n').map((line) => `${name}: ${line}\r\n`),
  );
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`);
}

/** How much of a body that nobody wants is read, so that its sender gets to see the answer. */
const DISCARD_MAX_BYTES = 32 * 1024 * 1024;
const DISCARD_MAX_MS = 5000;

/** Answers 413 and closes; upstream's words (apimachinery, api/errors, v1.36). */
export function refuseBody(
  request: HttpRequestIn,
  response: HttpResponseOut,
  maxBytes: number,
): void {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `Request entity too large: limit is ${maxBytes}`,
    reason: 'RequestEntityTooLarge',
    code: 413,
  };
  const bytes = Buffer.from(JSON.stringify(status));
  const headers = { 'content-type': 'application/json', connection: 'close' };
  setHead(response, { status: 413, headers });
  setLength(response, { kind: 'bytes', bytes });
  if ('stream' in response) {
    // The rest of the request is not wanted, and that is no error (RFC 9113, 8.1).
    const { stream } = response;
    response.on('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
    response.end(bytes);
    return;
  }
  // A socket closed with bytes unread resets the connection, and the answer may be lost with it.
  const out = asWritable(response);
  out.write(bytes);
  discard(request, () => out.end());
}

function discard(request: HttpRequestIn, done: () => void): void {
  let size = 0;
  const timer = setTimeout(done, DISCARD_MAX_MS);
  const finish = (): void => {
    clearTimeout(timer);
    done();
  };
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > DISCARD_MAX_BYTES) finish();
  });
  request.on('end', finish);
  request.on('close', finish);
  request.resume();
}
