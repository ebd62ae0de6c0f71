/**
 * OpenAPI of everything: v3's index names the documents of other servers, which are then asked for
 * them; v2 is one document with theirs in it.
 *
 * Source: upstream kube-aggregator/pkg/controllers/{openapi,openapiv3}/aggregator.
 */
import { trimEndOf } from '#base/trim.ts';
import { createHash } from 'node:crypto';
import type { JsonObject } from '#api/meta/object.ts';
import { messageOf } from '#base/error.ts';
import { type HttpResponse, readBody } from '#base/http/message.ts';
import type { OpenApi, OpenApiRequest } from '../openapi/openapi.ts';
import { singlePiece } from '../openapi/pieces.ts';
import { V2Document, type V2Source } from '../openapi/v2-answer.ts';
import { bytesResponse, withHeaders } from '../respond.ts';
import type { ApiServices, RemoteApi } from './api-services.ts';
import { mergeIntoText, type Spec } from './merge-openapi.ts';
import { ask, type RemoteServices } from './remote.ts';

const V2 = '/openapi/v2';
const V3 = '/openapi/v3';
/** As often as upstream asks again. */
const FRESH_MS = 60_000;
const JSON_ONLY = { accept: 'application/json' };

interface IndexEntry {
  readonly serverRelativeURL: string;
}

interface Index {
  readonly paths?: Readonly<Record<string, IndexEntry>>;
}

/** What one server has said last. */
interface Said {
  readonly text: string;
  readonly atMs: number;
}

export interface MergedOpenApiOptions {
  readonly own: OpenApi;
  readonly apiServices: ApiServices;
  readonly services: RemoteServices;
}

export function mergedOpenApi(options: MergedOpenApiOptions): OpenApi {
  const merged = new MergedOpenApi(options);
  return { handle: (context) => merged.handle(context) };
}

class MergedOpenApi {
  readonly #options: MergedOpenApiOptions;
  /** By server and path; what no APIService names any more is forgotten. */
  readonly #said = new Map<string, Said>();
  #v2: { readonly key: string; readonly document: V2Document } | undefined;

  constructor(options: MergedOpenApiOptions) {
    this.#options = options;
  }

  async handle(context: OpenApiRequest): Promise<HttpResponse | undefined> {
    const { own, apiServices } = this.#options;
    const path = trimEndOf(context.info.path, (last) => last === '/');
    const { method } = context.request;
    const isOpenApi =
      (method === 'GET' || method === 'HEAD') &&
      (path === V2 || path === V3 || path.startsWith(`${V3}/`));
    const remote = isOpenApi ? apiServices.allRemote().filter((api) => api.isAvailable) : [];
    if (remote.length === 0) return own.handle(context);
    if (path === V2) return this.#whole(context, remote);
    if (path === V3) return this.#index(context, remote);
    const [, , , root, group, version] = path.split('/');
    const isTheirs = (api: RemoteApi): boolean => api.group === group && api.version === version;
    const api = root === 'apis' ? remote.find(isTheirs) : undefined;
    return api === undefined ? own.handle(context) : this.#document(context, api);
  }

  async #index(context: OpenApiRequest, remote: readonly RemoteApi[]): Promise<HttpResponse> {
    const { bytes } = await this.#own(context, V3);
    const { paths = {} } = JSON.parse(Buffer.from(bytes).toString()) as Index;
    const all = new Map(Object.entries(paths));
    for (const [api, text] of await this.#askAll(remote, V3)) {
      const theirs = (parsed(text) as Index | undefined)?.paths ?? {};
      for (const key of [`apis/${api.group}`, `apis/${api.group}/${api.version}`]) {
        const entry = Object.hasOwn(theirs, key) ? theirs[key] : undefined;
        if (entry !== undefined && (key.endsWith(api.version) || !all.has(key)))
          all.set(key, entry);
      }
    }
    const entries = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return answer(
      context,
      Buffer.from(`${JSON.stringify({ paths: Object.fromEntries(entries) })}\n`),
    );
  }

  /** Passed on as it is: the server knows its own hashes. */
  async #document(context: OpenApiRequest, api: RemoteApi): Promise<HttpResponse> {
    const headers = ['accept', 'if-none-match'].flatMap((name) => {
      const value = context.header(name);
      return value === '' ? [] : [[name, value] as const];
    });
    const { url } = context.request;
    const said = await ask(this.#options.services, api, url, Object.fromEntries(headers)).catch(
      (error: unknown) => {
        const { log } = this.#options.services.environment;
        log.debug('OpenAPI of another API server failed', { error: messageOf(error) });
        return { status: 503, headers: {}, bytes: Buffer.from('service unavailable\n') };
      },
    );
    const kept = ['content-type', 'etag', 'cache-control', 'location', 'vary'].flatMap((name) => {
      const value = (said.headers as Readonly<Record<string, string>>)[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const { bytes } = said;
    return {
      status: said.status,
      headers: Object.fromEntries(kept),
      body: { kind: 'bytes', bytes },
    };
  }

  async #whole(
    context: OpenApiRequest,
    remote: readonly RemoteApi[],
  ): Promise<HttpResponse | undefined> {
    const { etag, bytes } = await this.#own(context, V2);
    const specs = await this.#askAll(remote, V2);
    const key = [etag, ...specs.map(([api, text]) => `${api.name}\n${text}`)].join('\n');
    if (this.#v2?.key !== key) {
      const { environment } = this.#options.services;
      this.#v2 = { key, document: new V2Document(mergedSource(merge(bytes, specs)), environment) };
    }
    try {
      return await this.#v2.document.answer(context);
    } catch (error) {
      // What another server says may have no protobuf form; ours has.
      const { log } = this.#options.services.environment;
      log.warn('OpenAPI of other API servers cannot be merged', { error: messageOf(error) });
      return this.#options.own.handle(context);
    }
  }

  /** Our own document as JSON, whatever the client accepts and has. */
  async #own(context: OpenApiRequest, path: string): Promise<{ etag: string; bytes: Uint8Array }> {
    const response = await this.#options.own.handle({
      info: { ...context.info, path, query: new URLSearchParams() },
      header: (name) => (name === 'accept' ? 'application/json' : ''),
      request: context.request,
    });
    const { etag = '' } = response?.headers ?? {};
    return { etag, bytes: await readBody(response?.body) };
  }

  /** What each API's server says at `path`: servers that cannot be asked keep what they said last. */
  async #askAll(
    remote: readonly RemoteApi[],
    path: string,
  ): Promise<(readonly [RemoteApi, string])[]> {
    const known = new Set(remote.map((api) => keyOf(api, path)));
    for (const key of this.#said.keys())
      if (key.endsWith(path) && !known.has(key)) this.#said.delete(key);
    return Promise.all(remote.map(async (api) => [api, await this.#askOne(api, path)] as const));
  }

  async #askOne(api: RemoteApi, path: string): Promise<string> {
    const { services } = this.#options;
    const key = keyOf(api, path);
    const before = this.#said.get(key);
    const nowMs = services.environment.clock.monotonicMs();
    if (before !== undefined && nowMs - before.atMs < FRESH_MS) return before.text;
    let text = before?.text ?? '';
    try {
      const { status, bytes } = await ask(services, api, path, JSON_ONLY);
      if (status === 200) text = Buffer.from(bytes).toString();
    } catch (error) {
      const { log } = services.environment;
      log.debug('OpenAPI of another API server failed', { api: api.name, error: messageOf(error) });
    }
    this.#said.set(key, { text, atMs: nowMs });
    return text;
  }
}

function keyOf({ name }: RemoteApi, path: string): string {
  return `${name} ${path}`;
}

function merge(own: Uint8Array, specs: readonly (readonly [RemoteApi, string])[]): Uint8Array {
  let text = Buffer.from(own).toString();
  for (const [api, said] of specs) {
    const spec = parsed(said) as Spec | undefined;
    if (spec === undefined) continue;
    try {
      text = mergeIntoText(text, spec, [api]);
    } catch {
      // What is no OpenAPI stays out; ours is there all the same.
    }
  }
  return Buffer.from(text);
}

function mergedSource(merged: Uint8Array): V2Source {
  return () =>
    Promise.resolve({
      ...singlePiece(merged),
      parts: () => {
        const { paths, definitions, ...head } = JSON.parse(Buffer.from(merged).toString()) as Spec &
          JsonObject;
        return {
          head,
          paths: Object.entries(paths ?? {}),
          definitions: Object.entries(definitions ?? {}),
        };
      },
    });
}

/** Undefined for what is no JSON object: another server may say anything. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function answer(context: OpenApiRequest, bytes: Uint8Array): HttpResponse {
  const etag = `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`;
  const headers = { etag, vary: 'Accept' };
  if (context.header('if-none-match') === etag) return { status: 304, headers };
  return withHeaders(bytesResponse(200, 'application/json', bytes), headers);
}
