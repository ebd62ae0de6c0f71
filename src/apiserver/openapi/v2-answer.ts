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
import { bytesResponse, withHeaders } from '../respond.ts';
import { Turns } from '../turns.ts';
import { definitionBytes, documentBytes, pathItemBytes } from './gnostic-v2.ts';

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

/** A document in pieces that are small enough for one turn each. */
export interface DocumentParts {
  /** All but `paths` and `definitions`. */
  readonly head: JsonObject;
  /** Path items as JSON. */
  readonly paths: readonly (readonly [path: string, item: string])[];
  readonly definitions: readonly (readonly [name: string, schema: Json])[];
}

export interface V2Source {
  json(): Promise<Uint8Array>;
  parts(): Promise<DocumentParts>;
}

/** What of a request the answer depends on. */
export type V2Request = Pick<RequestContext, 'header'>;

export class V2Document {
  readonly #source: V2Source;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  /** By media type, and `gzip` after a space. */
  readonly #forms = new Map<string, Promise<Uint8Array>>();

  constructor(source: V2Source, environment: Pick<Environment, 'clock' | 'timers'>) {
    this.#source = source;
    this.#environment = environment;
  }

  async answer(request: V2Request): Promise<HttpResponse> {
    const media = acceptedMedia(request.header('accept'), OFFERED);
    const vary = { vary: 'Accept-Encoding, Accept' };
    if (media === undefined) return { status: 406, headers: { ...vary, 'content-length': '0' } };
    const bytes = await this.#form(media);
    const etag = `"${createHash('sha512')
      .update(await this.#form(JSON_MEDIA))
      .digest('hex')
      .toUpperCase()}"`;
    const headers = { etag, ...vary };
    if (request.header('if-none-match') === etag) return { status: 304, headers };
    const plain = withHeaders(bytesResponse(200, media, bytes), headers);
    if (!takesGzip(request.header('accept-encoding')) || bytes.length < GZIP_MIN_BYTES)
      return plain;
    const small = gzipped(plain, [await this.#form(`${media} gzip`)]);
    return withHeaders(small, vary);
  }

  #form(name: string): Promise<Uint8Array> {
    let made = this.#forms.get(name);
    if (made === undefined) {
      made = this.#make(name);
      this.#forms.set(name, made);
      made.catch(() => this.#forms.delete(name));
    }
    return made;
  }

  async #make(name: string): Promise<Uint8Array> {
    if (name === JSON_MEDIA) return this.#source.json();
    const turns = new Turns(this.#environment);
    if (name === PROTOBUF_MEDIA) return protobufOf(await this.#source.parts(), turns);
    const plain = await this.#form(name.replace(/ gzip$/, ''));
    return Buffer.concat(await gzipPieces([plain], { level: GZIP_LEVEL, turns }));
  }
}

async function protobufOf(parts: DocumentParts, turns: Turns): Promise<Uint8Array> {
  const paths: Uint8Array[] = [];
  for (const [path, item] of parts.paths) {
    if (turns.isLong()) await turns.next();
    paths.push(pathItemBytes(path, JSON.parse(item) as Json));
  }
  const definitions: Uint8Array[] = [];
  for (const [name, schema] of parts.definitions) {
    if (turns.isLong()) await turns.next();
    definitions.push(definitionBytes(name, schema));
  }
  return documentBytes(parts.head, paths, definitions);
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
