/**
 * The OpenAPI v2 document as an answer: JSON or protobuf, as it is or in gzip.
 *
 * Each form is made when it is first asked for, in turns of the loop, and kept with the document.
 *
 * Source: upstream kube-openapi/pkg/handler (media types in their order, gzip by a handler of its
 * own with its own limit, 406 without a body).
 */
import { createHash } from 'node:crypto';
import type { Environment } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { RequestContext } from '../context.ts';
import { gzipped, takesGzip } from '../filters/compression.ts';
import { gzipPieces } from '../gzip.ts';
import { type Offer, parseAccept } from '../negotiate.ts';
import { piecesResponse, withHeaders } from '../respond.ts';
import { Turns } from '../turns.ts';
import type { DocumentV2 } from './document-v2.ts';
import { definitionBytes, documentBytes, pathItemBytes } from './gnostic-v2.ts';
import { type Pieces, PieceWriter } from './pieces.ts';

const JSON_MEDIA = 'application/json';
const PROTOBUF_MEDIA = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** What a client may say it takes, and what it then gets. */
const OFFERED: readonly (readonly [accepts: string, gives: string])[] = [
  [JSON_MEDIA, JSON_MEDIA],
  ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', PROTOBUF_MEDIA],
  [PROTOBUF_MEDIA, PROTOBUF_MEDIA],
];
const GZIP_LEVEL = 6;
const GZIP_MIN_BYTES = 1_500;

/** A document in parts that are small enough for one turn each. */
export interface DocumentParts {
  /** All but `paths` and `definitions`. */
  readonly head: JsonObject;
  readonly paths: Iterable<readonly [path: string, item: Json]>;
  readonly definitions: Iterable<readonly [name: string, schema: Json]>;
}

/** Makes the document as JSON. */
export type V2Source = () => Promise<DocumentV2>;

/** What of a request the answer depends on. */
export type V2Request = Pick<RequestContext, 'header'>;

export class V2Document {
  readonly #source: V2Source;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  #document: Promise<Hashed> | undefined;
  /** Other forms, by media type, and `gzip` after a space. */
  readonly #forms = new Map<string, Promise<Pieces>>();

  constructor(source: V2Source, environment: Pick<Environment, 'clock' | 'timers'>) {
    this.#source = source;
    this.#environment = environment;
  }

  async answer(request: V2Request): Promise<HttpResponse> {
    const media = acceptedMedia(request.header('accept'), OFFERED);
    const vary = { vary: 'Accept-Encoding, Accept' };
    if (media === undefined) return { status: 406, headers: { ...vary, 'content-length': '0' } };
    const { etag } = await this.#json();
    const headers = { etag, ...vary };
    if (request.header('if-none-match') === etag) return { status: 304, headers };
    const whole = await this.#form(media);
    const plain = withHeaders(piecesResponse(media, whole), headers);
    if (!takesGzip(request.header('accept-encoding')) || whole.length < GZIP_MIN_BYTES)
      return plain;
    const small = gzipped(plain, (await this.#form(`${media} gzip`)).pieces);
    return withHeaders(small, vary);
  }

  #json(): Promise<Hashed> {
    this.#document ??= this.#make().catch((error: unknown) => {
      this.#document = undefined;
      throw error;
    });
    return this.#document;
  }

  async #make(): Promise<Hashed> {
    const document = await this.#source();
    const etag = await etagOf(document, new Turns(this.#environment));
    return { ...document, etag };
  }

  #form(name: string): Promise<Pieces> {
    if (name === JSON_MEDIA) return this.#json();
    let made = this.#forms.get(name);
    if (made === undefined) {
      made = this.#makeForm(name);
      this.#forms.set(name, made);
      made.catch(() => this.#forms.delete(name));
    }
    return made;
  }

  async #makeForm(name: string): Promise<Pieces> {
    const turns = new Turns(this.#environment);
    if (name === PROTOBUF_MEDIA) return protobufOf((await this.#json()).parts(), turns);
    const { pieces } = await this.#form(name.replace(/ gzip$/, ''));
    const small = await gzipPieces(pieces, { level: GZIP_LEVEL, turns });
    return { pieces: small, length: small.reduce((sum, { length }) => sum + length, 0) };
  }
}

interface Hashed extends DocumentV2 {
  readonly etag: string;
}

async function etagOf({ pieces }: Pieces, turns: Turns): Promise<string> {
  const hash = createHash('sha512');
  for (const piece of pieces) {
    if (turns.isLong()) await turns.next();
    hash.update(piece);
  }
  return `"${hash.digest('hex').toUpperCase()}"`;
}

async function protobufOf(parts: DocumentParts, turns: Turns): Promise<Pieces> {
  const paths = new PieceWriter();
  for (const [path, item] of parts.paths) {
    if (turns.isLong()) await turns.next();
    paths.bytes(pathItemBytes(path, item));
  }
  const definitions = new PieceWriter();
  for (const [name, schema] of parts.definitions) {
    if (turns.isLong()) await turns.next();
    definitions.bytes(definitionBytes(name, schema));
  }
  return documentBytes(parts.head, paths.result(), definitions.result());
}

/** The first of `offered` that the client takes, by the client's order. */
export function acceptedMedia(
  accept: string,
  offered: readonly (readonly [accepts: string, gives: string])[],
): string | undefined {
  const offers: readonly Pick<Offer, 'media'>[] =
    accept.trim() === '' ? [{ media: '*/*' }] : parseAccept(accept);
  for (const { media } of offers) {
    const [type, subtype] = media.split('/');
    const found = offered.find(([accepts]) => {
      const [ourType, ourSubtype] = accepts.split('/');
      return (type === '*' || type === ourType) && (subtype === '*' || subtype === ourSubtype);
    });
    if (found !== undefined) return found[1];
  }
  return undefined;
}
