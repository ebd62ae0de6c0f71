/** The registry's way to the store: single writes, their leases, what a refused write found. */
import { NAMESPACE } from '#api/core/namespace.ts';
import type { AnyKind, WriteContext } from '#api/kind.ts';
import { type FieldError } from '#api/meta/field.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { internalError, invalid, notFound, serviceUnavailable } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import { StoreError, type Write, type WriteResult } from '#store/store.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import type { StoreListener } from '../audit/latency.ts';
import type { User } from '../context.ts';
import type { Entry } from '../watch-cache/entry.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import type { Allocator, Allocators } from './allocators.ts';
import type { WriteOptions } from './options.ts';
import type { Resource } from './resource.ts';

/** One lease serves what is written within this time, so that ten thousand events need few. */
const LEASE_SHARED_SECONDS = 60;

/** Who writes, and who is told how long the store took. */
type Writer = Pick<WriteOptions, 'note' | 'storeTook'>;

interface SharedLease {
  readonly id: Promise<number>;
  /** Monotonic. */
  readonly untilMs: number;
}

export class StoreAccess {
  readonly hub: WatchHub;
  readonly environment: Environment;
  readonly #allocators: Allocators;
  readonly #timeToLiveSeconds: (kind: AnyKind) => number | undefined;
  /** The newest lease for each time to live. */
  readonly #leases = new Map<number, SharedLease>();

  /** `timeToLiveSeconds`: how long objects of a kind stay after their last write. */
  constructor(options: {
    readonly hub: WatchHub;
    readonly environment: Environment;
    readonly allocators?: Allocators;
    readonly timeToLiveSeconds: (kind: AnyKind) => number | undefined;
  }) {
    this.hub = options.hub;
    this.environment = options.environment;
    this.#allocators = options.allocators ?? new Map();
    this.#timeToLiveSeconds = options.timeToLiveSeconds;
  }

  /** Who gives objects of this kind what they take; undefined for most. */
  allocator({ kind }: Resource): Allocator | undefined {
    return this.#allocators.get(kind.storagePrefix);
  }

  /** The current object's entry, as of now. Throws 404. */
  async entry(
    resource: Resource,
    namespace: string,
    name: string,
    storeTook?: StoreListener,
  ): Promise<Entry> {
    if (!(await this.catchUp(storeTook)))
      throw serviceUnavailable('the watch cache is behind the store');
    const entry = resource.cache.get(resource.key(namespace, name));
    if (entry === undefined) throw notFound(resource.groupResource, name);
    return entry;
  }

  /** Waits until the caches show all writes so far; false when they do not for long. */
  catchUp(storeTook: StoreListener | undefined): Promise<boolean> {
    return this.#measured(storeTook, () => this.hub.waitForNow());
  }

  /** Puts `object` at `key` if that is at revision `expected` (0: not there). Renews its lifetime. */
  async put(
    resource: Resource,
    at: { readonly key: string; readonly expected: number },
    object: ApiObject,
    { note, storeTook }: Writer,
  ): Promise<WriteResult> {
    const ttlSeconds = this.#timeToLiveSeconds(resource.kind);
    const lease =
      ttlSeconds === undefined ? 0 : await this.#measured(storeTook, () => this.#lease(ttlSeconds));
    const value = await valueOf(resource, object);
    return this.#write({ type: 'put', ...at, note, value, lease }, storeTook);
  }

  /**
   * Whether `entry` lies in the store as `object` would be put there now. It does not where another
   * version is stored since, a schema has other defaults or fields, or encryption another key.
   */
  async isStoredAs(resource: Resource, { key, bytes }: Entry, object: ApiObject): Promise<boolean> {
    if (Buffer.compare(await valueOf(resource, object), bytes) !== 0) return false;
    return (await this.hub.store.isStale?.(key)) !== true;
  }

  remove({ key, revision }: Entry, { note, storeTook }: Writer): Promise<WriteResult> {
    return this.#write({ type: 'delete', key, expected: revision, note }, storeTook);
  }

  /** Those that the cache shows; none when there is no such namespace. */
  namespaceLabels(namespace: string): Readonly<Record<string, string>> {
    const cache = this.hub.cache(NAMESPACE.storagePrefix);
    const entry = cache.get(`${cache.prefix}${namespace}`);
    if (entry === undefined) return {};
    const text = Buffer.from(entry.bytes).toString();
    return (JSON.parse(text) as KubeObject).metadata?.labels ?? {};
  }

  writeContext(writer: { readonly user: User; warn(text: string): void }): WriteContext {
    return {
      nowMs: this.environment.clock.now(),
      uuid: () => this.environment.random.uuid(),
      user: writer.user,
      warn: (text) => writer.warn(text),
    };
  }

  async #write(write: Write, storeTook: StoreListener | undefined): Promise<WriteResult> {
    try {
      return await this.#measured(storeTook, () => this.hub.store.write(write));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === 'transform') throw internalError(error.message);
      throw serviceUnavailable(`the store cannot take the write: ${error.message}`);
    }
  }

  async #measured<T>(storeTook: StoreListener | undefined, work: () => Promise<T>): Promise<T> {
    if (storeTook === undefined) return work();
    const { clock } = this.environment;
    const startMs = clock.monotonicMs();
    try {
      return await work();
    } finally {
      storeTook(clock.monotonicMs() - startMs);
    }
  }

  #lease(ttlSeconds: number): Promise<number> {
    const now = this.environment.clock.monotonicMs();
    let lease = this.#leases.get(ttlSeconds);
    if (lease === undefined || lease.untilMs < now) {
      const id = this.hub.store.grantLease((ttlSeconds + LEASE_SHARED_SECONDS) * 1000);
      lease = { id, untilMs: now + LEASE_SHARED_SECONDS * 1000 };
      this.#leases.set(ttlSeconds, lease);
      // What the store could not give now it may give to the next one who asks.
      id.catch(() => this.#leases.delete(ttlSeconds));
    }
    return lease.id;
  }
}

/** What is there instead of what a refused write expected; undefined when nothing is. */
export function currentEntry(result: WriteResult): Entry | undefined {
  if (result.ok || result.current === undefined) return undefined;
  const { key, value, modRevision, createRevision } = result.current;
  return { key, bytes: value, revision: modRevision, createRevision };
}

/** Throws 422 with all `errors`, if there are any. */
export function refuse(resource: Resource, object: ApiObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  // A kind that moved is known by the group that it is stored under.
  const { kind, group, storedAs } = resource.kind;
  throw invalid({ kind, group: storedAs?.group ?? group }, metadataOf(object).name ?? '', errors);
}

/** The bytes to store for an object of the served version. */
function valueOf(resource: Resource, object: ApiObject): Uint8Array | Promise<Uint8Array> {
  const { custom } = resource.kind;
  return custom === undefined || custom.storedApiVersion === apiVersionOf(resource.kind)
    ? resource.encode(object)
    : resource.encodeConverted(object, custom);
}
