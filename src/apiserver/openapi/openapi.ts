/**
 * Answers `/openapi/v2`, `/openapi/v3` and below.
 *
 * A document is made when it is first asked for and kept as bytes. The index must name a hash for
 * each document without making it: the hash is of what all documents are made from.
 *
 * Source: KEP-2896; upstream's handler3 for caching headers and redirects.
 */
import { createHash } from 'node:crypto';
import { type Environment, sleep } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import { FIELD_TABLE } from '#api/gen/schema.gen.ts';
import { type AnyKind, type LiveKinds, perGeneration } from '#api/kind.ts';
import { notAcceptable } from '#api/meta/status.ts';
import type { RequestContext } from '../context.ts';
import { parseAccept } from '../negotiate.ts';
import { bytesResponse, jsonBytes, withHeaders } from '../respond.ts';
import { KUBERNETES_VERSION } from '../version.ts';
import { DocumentV2 } from './document-v2.ts';
import { buildDocument, type DocumentSource, documentSources } from './document-v3.ts';

export interface OpenApiOptions {
  readonly kinds: LiveKinds;
  /** Documents are made in slices, each in a turn of its own. */
  readonly environment: Pick<Environment, 'timers'>;
}

export type OpenApiRequest = Pick<RequestContext, 'info' | 'header' | 'request'>;

export interface OpenApi {
  /** Undefined for a path that is no OpenAPI path. */
  handle(context: OpenApiRequest): Promise<HttpResponse | undefined>;
}

const V2 = '/openapi/v2';
const V3 = '/openapi/v3';
const JSON_MEDIA: ReadonlySet<string> = new Set(['application/json', '*/*', 'application/*']);
const YEAR_SECONDS = 31_536_000;

/** What is served for one set of kinds. Documents are kept until the kinds change. */
interface Published {
  readonly sources: ReadonlyMap<string, HashedSource>;
  readonly index: Uint8Array;
  /** Of everything. */
  readonly hash: string;
  v2?: Promise<Uint8Array>;
}

interface HashedSource extends DocumentSource {
  readonly hash: string;
}

function published(kinds: readonly AnyKind[]): Published {
  const sources = documentSources(kinds).map((source) => ({
    ...source,
    hash: hashOf(source.path, source.identity),
  }));
  return {
    sources: new Map(sources.map((source) => [source.path, source])),
    index: jsonBytes(indexOf(sources)),
    hash: hashOf(...sources.map(({ hash }) => hash)),
  };
}

export function createOpenApi({ kinds, environment }: OpenApiOptions): OpenApi {
  const current = perGeneration(kinds, published);
  const rest = (): Promise<void> => sleep(environment, 0);
  /** By path; a document that the kinds have left behind gives way to the next one there. */
  const documents = new Map<string, { hash: string; bytes: Promise<Uint8Array> }>();

  const documentOf = (source: HashedSource): Promise<Uint8Array> => {
    const known = documents.get(source.path);
    if (known?.hash === source.hash) return known.bytes;
    const bytes = buildDocument(source, rest).then((document) => jsonBytes(document));
    documents.set(source.path, { hash: source.hash, bytes });
    return bytes;
  };
  const forgetOthers = ({ sources }: Published): void => {
    for (const path of documents.keys()) if (!sources.has(path)) documents.delete(path);
  };

  return {
    async handle(context) {
      const path = context.info.path.replace(/\/+$/, '');
      if ((path !== V2 && !path.startsWith(V3)) || !isRead(context.request.method))
        return undefined;
      const now = current();
      forgetOthers(now);
      if (path === V2) {
        checkAccept(context);
        now.v2 ??= buildV2([...now.sources.values()], rest);
        return cached(context, await now.v2, now.hash);
      }
      if (path === V3) return cached(context, now.index, now.hash);
      const source = now.sources.get(path.slice(V3.length + 1));
      if (source === undefined) return undefined;
      checkAccept(context);
      const { hash } = source;
      const asked = context.info.query.get('hash');
      if (asked !== null && asked !== hash) return redirect(`${path}?hash=${hash}`);
      const response = cached(context, await documentOf(source), hash);
      return asked === null ? response : withHeaders(response, immutable());
    },
  };
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

async function buildV2(
  sources: readonly DocumentSource[],
  rest: () => Promise<void>,
): Promise<Uint8Array> {
  const document = new DocumentV2();
  for (const source of sources) {
    const part = await buildDocument(source, rest);
    document.addPaths(part);
    await rest();
    document.addDefinitions(part, source.modelsV2);
    await rest();
  }
  return Buffer.from(document.text());
}

/** JSON is all there is: clients that take nothing else but protobuf are told so. */
function checkAccept(context: OpenApiRequest): void {
  const offers = parseAccept(context.header('accept'));
  if (offers.length > 0 && !offers.some(({ media }) => JSON_MEDIA.has(media)))
    throw notAcceptable(['application/json']);
}

function cached(context: OpenApiRequest, bytes: Uint8Array, hash: string): HttpResponse {
  const headers = { etag: `"${hash}"`, vary: 'Accept' };
  if (context.header('if-none-match') === headers.etag) return { status: 304, headers };
  return withHeaders(bytesResponse(200, 'application/json', bytes), headers);
}

function immutable(): Record<string, string> {
  return { 'cache-control': `public, immutable, max-age=${YEAR_SECONDS}` };
}

function redirect(location: string): HttpResponse {
  return { status: 301, headers: { location, 'content-length': '0' } };
}
