/**
 * Answers `/openapi/v2`, `/openapi/v3` and below.
 *
 * A document is made when it is first asked for and kept as bytes. The index must name a hash for
 * each document without making it: the hash is of what all documents are made from.
 *
 * Source: KEP-2896; upstream's handler3 for caching headers and redirects.
 */
import { trimEndOf } from '#base/trim.ts';
import { createHash } from 'node:crypto';
import type { Environment } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { FIELD_TABLE } from '#api/gen/schema.gen.ts';
import { type AnyKind, type LiveKinds, perGeneration } from '#api/kind.ts';
import type { RequestContext } from '../context.ts';
import { jsonBytes, piecesResponse, withHeaders } from '../respond.ts';
import { Turns } from '../turns.ts';
import { KUBERNETES_VERSION } from '../version.ts';
import { type DocumentV2, DocumentV2Builder } from './document-v2.ts';
import {
  buildDocument,
  type DocumentSource,
  documentSources,
  documentText,
} from './document-v3.ts';
import { documentV3Bytes } from './gnostic-v3.ts';
import { KeptDocuments } from './kept-documents.ts';
import { type Pieces, singlePiece } from './pieces.ts';
import { acceptedMedia, V2Document } from './v2-answer.ts';

/** What gates say of the documents. */
export interface OpenApiGates {
  /** OpenAPIEnums: fields list the values that they may have. */
  readonly enums?: boolean;
  /** CBORServingAndStorage: objects also come in CBOR. */
  readonly cbor?: boolean;
}

export interface OpenApiOptions extends OpenApiGates {
  readonly kinds: LiveKinds;
  /** Documents are made in slices, each in a turn of its own. */
  readonly environment: Pick<Environment, 'timers' | 'clock'>;
}

export type OpenApiRequest = Pick<RequestContext, 'info' | 'header' | 'request'>;

export interface OpenApi {
  /** Undefined for a path that is no OpenAPI path. */
  handle(context: OpenApiRequest): Promise<HttpResponse | undefined>;
}

const V2 = '/openapi/v2';
const V3 = '/openapi/v3';
const JSON_MEDIA = 'application/json';
const PROTOBUF_MEDIA = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';
/** What a client may say it takes, and what it then gets. */
const OFFERED = [
  [JSON_MEDIA, JSON_MEDIA],
  [PROTOBUF_MEDIA, PROTOBUF_MEDIA],
  ['application/com.github.proto-openapi.spec.v3@v1.0+protobuf', PROTOBUF_MEDIA],
] as const;
const YEAR_MS = 365 * 86_400_000;

/** What is served for one set of kinds. Documents are kept until the kinds change. */
interface Published {
  readonly sources: ReadonlyMap<string, HashedSource>;
  readonly index: Uint8Array;
  /** Of everything. */
  readonly hash: string;
  v2?: V2Document;
}

interface HashedSource extends DocumentSource {
  readonly hash: string;
}

async function published(
  kinds: readonly AnyKind[],
  gates: Required<OpenApiGates>,
  turns: Turns,
): Promise<Published> {
  const sources: HashedSource[] = [];
  for (const source of documentSources(kinds)) {
    if (turns.isLong()) await turns.next();
    const hash = hashOf(source.path, source.identity, JSON.stringify(gates));
    sources.push({ ...source, ...gates, hash });
  }
  return {
    sources: new Map(sources.map((source) => [source.path, source])),
    index: jsonBytes(indexOf(sources)),
    hash: hashOf(...sources.map(({ hash }) => hash)),
  };
}

export function createOpenApi(options: OpenApiOptions): OpenApi {
  const { kinds, environment, enums = false, cbor = false } = options;
  const current = perGeneration(kinds, (all) =>
    published(all, { enums, cbor }, new Turns(environment)),
  );
  const documents = new KeptDocuments();

  return {
    async handle(context) {
      const path = trimEndOf(context.info.path, (last) => last === '/');
      if ((path !== V2 && !path.startsWith(V3)) || !isRead(context.request.method))
        return undefined;
      const now = await current();
      documents.retain(now.sources);
      if (path === V2) {
        now.v2 ??= new V2Document(() => documentV2(now.sources.values(), environment), environment);
        return now.v2.answer(context);
      }
      if (path === V3) return cached(context, now.hash, () => singlePiece(now.index));
      const source = now.sources.get(path.slice(V3.length + 1));
      return source === undefined ? undefined : answerV3(context, path, source);
    },
  };

  async function answerV3(
    context: OpenApiRequest,
    path: string,
    source: HashedSource,
  ): Promise<HttpResponse> {
    const { hash } = source;
    const media = acceptedMedia(context.header('accept'), OFFERED);
    if (media === undefined)
      return { status: 406, headers: { vary: 'Accept', 'content-length': '0' } };
    const asked = context.info.query.get('hash') ?? '';
    if (asked !== '' && asked !== hash) return redirect(`${path}?hash=${hash}`);
    const make = (): Promise<Pieces> => documentV3(source, media, new Turns(environment));
    const bytes = (): Promise<Pieces> => documents.get({ ...source, media }, make);
    const response = await cached(context, hash, bytes, media);
    return asked === '' ? response : withHeaders(response, immutable(environment.clock.now()));
  }
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Of the field table, which all documents are made from, and of `parts`. */
function hashOf(...parts: readonly string[]): string {
  const hash = createHash('sha512').update(TABLE_HASH);
  for (const part of parts) hash.update(part).update('\n');
  return hash.digest('hex').toUpperCase();
}

const TABLE_HASH = createHash('sha512').update(KUBERNETES_VERSION).update(FIELD_TABLE).digest();

function indexOf(sources: readonly HashedSource[]): object {
  const entries = sources
    .toSorted((left, right) => (left.path < right.path ? -1 : 1))
    .map(({ path, hash }) => [path, { serverRelativeURL: `${V3}/${path}?hash=${hash}` }] as const);
  return { paths: Object.fromEntries(entries) };
}

async function documentV2(
  sources: Iterable<DocumentSource>,
  environment: OpenApiOptions['environment'],
): Promise<DocumentV2> {
  const builder = new DocumentV2Builder(new Turns(environment));
  const sorted = [...sources].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const source of sorted) await builder.add(source);
  return builder.finish();
}

async function documentV3(source: DocumentSource, media: string, turns: Turns): Promise<Pieces> {
  const document = await buildDocument(source, turns);
  return media === JSON_MEDIA
    ? documentText(document, turns)
    : singlePiece(documentV3Bytes(document));
}

async function cached(
  context: OpenApiRequest,
  hash: string,
  bytes: () => Pieces | Promise<Pieces>,
  media: string = JSON_MEDIA,
): Promise<HttpResponse> {
  const headers = { etag: `"${hash}"`, vary: 'Accept' };
  if (context.header('if-none-match') === headers.etag) return { status: 304, headers };
  return withHeaders(piecesResponse(media, await bytes()), headers);
}

/** For a year, as long as upstream says. */
function immutable(nowMs: number): Record<string, string> {
  const expires = new Date(nowMs + YEAR_MS).toUTCString().replace('GMT', 'UTC');
  return { 'cache-control': 'public, immutable', expires };
}

function redirect(location: string): HttpResponse {
  return { status: 301, headers: { location, 'content-length': '0' } };
}
