/**
 * RestClient: typed requests over a `Handler`, in JSON.
 *
 * In the all-in-one process the handler is the API server's own pipeline, given to each component
 * with that component's identity by the composition; elsewhere it is an HTTPS connection. Requests
 * that the server asks to repeat (429 and 5xx with Retry-After) are repeated a bounded number of
 * times, as upstream's client does (staging/src/k8s.io/client-go/rest/with_retry.go, v1.36).
 */
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { type Status, StatusError } from '#api/meta/status.ts';
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import { type Body, type Handler, type HttpResponse, readBody } from '#base/http/message.ts';
import type {
  Client,
  DeleteOptions,
  List,
  ListOptions,
  PatchOptions,
  PatchType,
  ResourceType,
  WatchEvent,
  WatchOptions,
} from './client.ts';
import {
  collectionPath,
  deleteBody,
  listQuery,
  objectPath,
  patchQuery,
  queryOf,
  type Target,
  watchQuery,
} from './paths.ts';
import { statusErrorOf } from './response-error.ts';
import { WatchDecoder } from './watch-decoder.ts';

/** How often a request is repeated because the server asked for it. */
const RETRIES_MAX = 10;
/** Longer waits than this are the caller's to decide. */
const RETRY_AFTER_SECONDS_MAX = 60;
/** Upstream's server answers everything but watches within 60 s; beyond that nobody will. */
const REQUEST_TIMEOUT_MS = 70_000;

const JSON_TYPE = 'application/json';
const METADATA = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

const PATCH_TYPES: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface RestClientOptions {
  readonly handler: Handler;
  readonly environment: Pick<Environment, 'timers'>;
  /** Who asks, for logs and field managers: `coxswain/deployment-controller`. */
  readonly userAgent: string;
  /** A bearer token, asked for before each request, because tokens are renewed. */
  readonly token?: () => string | undefined;
  /** Ends all requests of this client. */
  readonly signal?: AbortSignal;
  /** The handler bounds the time of a request by itself: it is the server, not a road to it. */
  readonly isServer?: boolean;
}

interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  readonly takesObjects?: boolean;
}

export class RestClient implements Client {
  readonly #options: RestClientOptions;

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T> {
    const path = objectPath(type, targetOf(name, namespace));
    return this.#json<T>({ method: 'GET', path });
  }

  async list<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions = {},
  ): Promise<List<T>> {
    const path = `${collectionPath(type, options.namespace)}${queryOf(listQuery(options))}`;
    const accept = options.metadataOnly === true ? `${JSON_TYPE};${METADATA_LIST}` : JSON_TYPE;
    const takesObjects = options.shared === true;
    const list = await this.#list<T>({ method: 'GET', path, accept, takesObjects });
    const items = list.items ?? [];
    // Upstream leaves the kind out of the items of a list; here each object knows what it is.
    for (const item of items) {
      if (item.kind !== undefined) continue;
      item.apiVersion = apiVersionOf(type);
      item.kind = type.kind;
    }
    const token = list.metadata?.continue;
    return {
      items,
      resourceVersion: list.metadata?.resourceVersion ?? '',
      ...(token === undefined || token === '' ? {} : { continue: token }),
    };
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const path = collectionPath(type, object.metadata?.namespace);
    return this.#json<T>({ method: 'POST', path, body: typed(type, object) });
  }

  update<T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: string): Promise<T> {
    const path = objectPath(type, metaTarget(object), subresource);
    return this.#json<T>({ method: 'PUT', path, body: typed(type, object) });
  }

  patch<T extends KubeObject>(
    type: ResourceType<T>,
    target: Target,
    patchType: PatchType,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    const path = `${objectPath(type, target, options.subresource)}${queryOf(patchQuery(options))}`;
    return this.#json<T>({
      method: 'PATCH',
      path,
      body: patch,
      contentType: PATCH_TYPES[patchType],
    });
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    target: Target,
    options?: DeleteOptions,
  ): Promise<void> {
    const body = deleteBody(options);
    await this.#text({ method: 'DELETE', path: objectPath(type, target), body });
  }

  async deleteCollection<T extends KubeObject>(
    type: ResourceType<T>,
    list: ListOptions = {},
    options?: DeleteOptions,
  ): Promise<void> {
    const path = `${collectionPath(type, list.namespace)}${queryOf(listQuery(list))}`;
    await this.#text({ method: 'DELETE', path, body: deleteBody(options) });
  }

  createSubresource<R>(
    type: ResourceType<KubeObject>,
    target: Target,
    subresource: string,
    body: unknown,
  ): Promise<R> {
    return this.#json<R>({ method: 'POST', path: objectPath(type, target, subresource), body });
  }

  raw(method: string, path: string, body?: unknown, accept?: string): Promise<string> {
    return this.#text({ method, path, body, ...(accept === undefined ? {} : { accept }) });
  }

  async watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    const signal = anySignal(this.#options.signal, options.signal);
    if (signal?.aborted === true) return;
    const path = `${collectionPath(type, options.namespace)}${queryOf(watchQuery(options))}`;
    const accept = options.metadataOnly === true ? `${JSON_TYPE};${METADATA}` : JSON_TYPE;
    const parts = {
      method: 'GET',
      path,
      accept,
      takesObjects: options.shared === true,
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await this.#send(parts).catch((error: unknown) => {
      if (signal?.aborted === true) return undefined;
      throw error;
    });
    if (response === undefined) return;
    const { body } = response;
    if (body?.kind === 'events') await readObjects(body, signal, onEvent);
    else await this.#readWatch(response, { signal, shared: options.shared === true }, onEvent);
  }

  /** Feeds the events of a watch's body to `onEvent`; ends as `Client.watch` says. */
  #readWatch<T extends KubeObject>(
    response: HttpResponse,
    { signal, shared }: { readonly signal: AbortSignal | undefined; readonly shared: boolean },
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const decoder = new WatchDecoder({
        environment: this.#options.environment,
        onLine: (line) => {
          const event = watchEventOf<T>(line);
          if (shared) dropManagedFields(event.object);
          onEvent(event);
        },
        onEnd: (error) => {
          signal?.removeEventListener('abort', close);
          if (error === undefined || signal?.aborted === true) resolve();
          else reject(error);
        },
      });
      const close = (): void => decoder.close();
      signal?.addEventListener('abort', close);
      const { body } = response;
      if (signal?.aborted === true) close();
      else if (body?.kind === 'stream') body.start(decoder);
      else
        readBody(body).then(
          (bytes) => {
            decoder.write(bytes);
            decoder.end();
          },
          (error: unknown) => decoder.abort(asError(error)),
        );
    });
  }

  async #list<T extends KubeObject>(parts: RequestParts): Promise<ListBody<T>> {
    const body = await this.#body(parts);
    if (body?.kind === 'object') return body.object as ListBody<T>;
    const list = JSON.parse(textOf(await readBody(body))) as ListBody<T>;
    if (parts.takesObjects === true) for (const item of list.items ?? []) dropManagedFields(item);
    return list;
  }

  async #json<R>(parts: RequestParts): Promise<R> {
    const body = await this.#body({ ...parts, takesObjects: true });
    // The server answers with the type that the path names.
    if (body?.kind === 'object') return body.object as R;
    return JSON.parse(textOf(await readBody(body))) as R;
  }

  async #text(parts: RequestParts): Promise<string> {
    return textOf(await readBody(await this.#body(parts)));
  }

  /** The body of a good answer, read to its end within the time of a request. */
  async #body(parts: RequestParts): Promise<Body | undefined> {
    if (this.#options.isServer === true) return this.#wholeBody(parts);
    const limit = timeoutSignal(
      this.#options.environment,
      REQUEST_TIMEOUT_MS,
      anySignal(this.#options.signal, parts.signal),
    );
    try {
      return await this.#wholeBody({ ...parts, signal: limit.signal });
    } finally {
      limit.release();
    }
  }

  async #wholeBody(parts: RequestParts): Promise<Body | undefined> {
    const signal = parts.signal ?? this.#options.signal;
    const { body } = await this.#send({ ...parts, ...(signal === undefined ? {} : { signal }) });
    return body?.kind === 'stream' ? { kind: 'bytes', bytes: await readBody(body) } : body;
  }

  /** Sends until there is a good answer (2xx); else throws what the server said. */
  async #send(parts: RequestParts): Promise<HttpResponse> {
    for (let retries = 0; ; retries++) {
      const response = await this.#once(parts);
      if (response.status >= 200 && response.status < 300) return response;
      const waitMs = retries < RETRIES_MAX ? retryAfterMs(response) : undefined;
      if (waitMs === undefined || parts.signal?.aborted === true)
        throw await statusErrorOf(response, parts.method);
      await sleep(this.#options.environment, waitMs, parts.signal);
    }
  }

  async #once(parts: RequestParts): Promise<HttpResponse> {
    // Whoever was told to stop, because another leads now, says nothing more.
    parts.signal?.throwIfAborted();
    const token = this.#options.token?.();
    const hasBody = parts.body !== undefined;
    return this.#options.handler({
      method: parts.method,
      url: parts.path,
      headers: {
        accept: parts.accept ?? JSON_TYPE,
        'user-agent': this.#options.userAgent,
        ...(hasBody ? { 'content-type': parts.contentType ?? JSON_TYPE } : {}),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(hasBody ? { body: Buffer.from(JSON.stringify(parts.body)) } : {}),
      ...(parts.signal === undefined ? {} : { signal: parts.signal }),
      ...(parts.takesObjects === true ? { takesObjects: true } : {}),
    });
  }
}

function dropManagedFields({ metadata }: KubeObject): void {
  delete metadata?.managedFields;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Feeds a watch of shared objects to `onEvent`; ends as `Client.watch` says. */
function readObjects<T extends KubeObject>(
  body: Extract<Body, { kind: 'events' }>,
  signal: AbortSignal | undefined,
  onEvent: (event: WatchEvent<T>) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let closed = false;
    const onClose: (() => void)[] = [];
    const finish = (error?: Error): void => {
      if (closed) return;
      closed = true;
      signal?.removeEventListener('abort', abort);
      for (const callback of onClose) callback();
      if (error === undefined || signal?.aborted === true) resolve();
      else reject(error);
    };
    const abort = (): void => finish();
    signal?.addEventListener('abort', abort);
    body.start({
      events(batch) {
        for (const event of batch) {
          if (closed) return;
          try {
            onEvent(watchEventOf<T>(event));
          } catch (error) {
            return finish(asError(error));
          }
        }
      },
      end: () => finish(),
      abort: finish,
      onClose: (callback) => {
        if (closed) callback();
        else onClose.push(callback);
      },
    });
    if (signal?.aborted === true) finish();
  });
}

interface ListBody<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: T[] | null;
}

function targetOf(name: string, namespace: string | undefined): Target {
  return namespace === undefined ? { name } : { name, namespace };
}

function metaTarget(object: KubeObject): Target {
  return targetOf(object.metadata?.name ?? '', object.metadata?.namespace);
}

function typed<T extends KubeObject>(type: ResourceType<T>, object: T): T {
  return { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
}

/** How long the server asks to wait before the request is repeated; undefined: do not. */
function retryAfterMs(response: HttpResponse): number | undefined {
  if (response.status !== 429 && response.status < 500) return undefined;
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
  return seconds >= 0 && seconds <= RETRY_AFTER_SECONDS_MAX ? seconds * 1000 : undefined;
}

function watchEventOf<T extends KubeObject>(line: unknown): WatchEvent<T> {
  // One line of the stream is {"type": …, "object": …} (API concepts, "Efficient detection of changes").
  const event = line as { type: string; object: unknown };
  if (event.type === 'ERROR') {
    const status = event.object as Status;
    throw new StatusError({ ...status, code: status.code ?? 500 });
  }
  return event as WatchEvent<T>;
}

function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}
