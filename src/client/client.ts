/**
 * The client: the only road to the API server, for every component.
 *
 * It speaks to a `Handler` (`base/http/message.ts`): in the all-in-one process that is the API
 * server's own pipeline, elsewhere an HTTPS connection. Errors are `StatusError` as the server
 * sent them; a request that got no answer rejects with the transport's error.
 */
import type { KubeObject } from '#api/meta/object.ts';

/** What the client must know of a kind to address it. `api/kinds.ts` values satisfy this. */
export interface ResourceType<T extends KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Carries the TypeScript type; never set. */
  readonly type?: T;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  /** Objects with nothing but their metadata (PartialObjectMetadata); also for a watch. */
  readonly metadataOnly?: boolean;
  /**
   * The caller never changes what it gets. Within the API server's own process it then gets the
   * server's objects themselves, shared with all such readers (docs/adr/0005); elsewhere it gets
   * objects without managedFields, which would only take memory.
   */
  readonly shared?: boolean;
}

export interface List<T> {
  readonly items: T[];
  readonly resourceVersion: string;
  readonly continue?: string;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchOptions {
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly force?: boolean;
  /** What the server does with fields that it does not know; it warns unless told. */
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: T };

export interface WatchOptions extends ListOptions {
  readonly timeoutSeconds?: number;
  readonly allowBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly signal?: AbortSignal;
}

/** Typed requests. `object` carries name and namespace; results are new objects of the caller's. */
export interface Client {
  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T>;
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<List<T>>;
  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T>;
  update<T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: string): Promise<T>;
  patch<T extends KubeObject>(
    type: ResourceType<T>,
    target: { readonly name: string; readonly namespace?: string },
    patchType: PatchType,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(
    type: ResourceType<T>,
    target: { readonly name: string; readonly namespace?: string },
    options?: DeleteOptions,
  ): Promise<void>;
  /** POST to a subresource of a named object: `binding`, `eviction`, `token`. */
  createSubresource<R>(
    type: ResourceType<KubeObject>,
    target: { readonly name: string; readonly namespace?: string },
    subresource: string,
    body: unknown,
  ): Promise<R>;
  /** Deletes all objects that `list` selects, as one request. */
  deleteCollection<T extends KubeObject>(
    type: ResourceType<T>,
    list?: ListOptions,
    options?: DeleteOptions,
  ): Promise<void>;
  /**
   * Calls `onEvent` for each event until the server ends the watch (resolves), `signal` is aborted
   * (resolves), or it fails (rejects; a 410 is a StatusError with reason Expired).
   */
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<void>;
  /** Any path, as `kubectl get --raw`: the body as text. `accept`: the media type asked for. */
  raw(method: string, path: string, body?: unknown, accept?: string): Promise<string>;
}
