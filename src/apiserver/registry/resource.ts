/**
 * One served resource: its kind, its cache, and the way between the served and the stored version.
 */
import type { AnyKind, CustomType } from '#api/kind.ts';
import { documentTypeOf } from '#api/schema/kind-types.ts';
import { typeByName } from '#api/schema/schema.ts';
import { apiVersionOf, type KubeObject } from '#api/meta/object.ts';
import { internalError } from '#api/meta/status.ts';
import { type ApiObject, copyOf } from '../api-object.ts';
import {
  type Entry,
  type MessageCache,
  type ParsedCache,
  storedBytes,
} from '../watch-cache/entry.ts';
import { FrameMemo } from '../watch-cache/frame-memo.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import type { ResourceCache } from '../watch-cache/resource-cache.ts';

export class Resource {
  readonly kind: AnyKind;
  readonly cache: ResourceCache;
  /** Of the newest event, for all who watch. */
  readonly frames = new FrameMemo();
  readonly #parsed: ParsedCache;
  readonly #messages: MessageCache;
  /** Objects that something else has converted, by the bytes they were made of. */
  readonly #converted = new WeakMap<Uint8Array, ApiObject>();

  /** Aborted when it is served no longer, or otherwise: its watches end. */
  readonly retired: AbortSignal | undefined;

  constructor(options: {
    readonly kind: AnyKind;
    readonly cache: ResourceCache;
    readonly hub: Pick<WatchHub, 'parsed' | 'messages'>;
    readonly retired?: AbortSignal;
  }) {
    this.retired = options.retired;
    this.kind = options.kind;
    this.cache = options.cache;
    this.#parsed = options.hub.parsed;
    this.#messages = options.hub.messages;
  }

  get groupResource(): { group: string; resource: string } {
    return { group: this.kind.group, resource: this.kind.plural };
  }

  /** The key of an object; with an empty name, the prefix of a namespace or of all. */
  key(namespace: string, name: string): string {
    const scope = this.kind.namespaced && namespace !== '' ? `${namespace}/` : '';
    return `${this.cache.prefix}${scope}${name}`;
  }

  /** The object in the served version. Shared with other readers: copy before a change. */
  read(entry: Entry): ApiObject {
    return this.#served(this.#parsed.get(entry) as ApiObject, entry);
  }

  /** The same for one look: where nobody has the parsed object it is made, and not kept. */
  readOnce(entry: Entry): ApiObject {
    return this.#served(this.#parsed.once(entry) as ApiObject, entry);
  }

  #served(stored: ApiObject, entry: Entry): ApiObject {
    const { storedAs, custom } = this.kind;
    if (storedAs !== undefined) return storedAs.fromStored(stored) as ApiObject;
    if (custom === undefined || entry.revision >= custom.storedSince) return stored;
    if (!this.#needsConversion(stored)) return custom.fromStored(stored) as ApiObject;
    const converted = this.#converted.get(entry.bytes);
    if (converted === undefined) throw internalError('the object has not been converted');
    const metadata = { ...converted.metadata, resourceVersion: String(entry.revision) };
    return { ...converted, metadata };
  }

  #needsConversion(stored: ApiObject): boolean {
    return this.kind.custom?.convert !== undefined && stored.apiVersion !== apiVersionOf(this.kind);
  }

  /**
   * Resolves when `read` can show `entries`; undefined when it can already. A custom resource's
   * webhook may have to be asked; throws what went wrong with it.
   */
  ready(entries: Iterable<Entry>): Promise<void> | undefined {
    const { custom } = this.kind;
    if (custom?.convert === undefined) return undefined;
    const missing = [...entries].filter(
      (entry) =>
        entry.revision < custom.storedSince &&
        !this.#converted.has(entry.bytes) &&
        this.#needsConversion(this.#parsed.get(entry) as ApiObject),
    );
    return missing.length === 0 ? undefined : this.#convert(missing, custom);
  }

  async #convert(entries: readonly Entry[], custom: CustomType): Promise<void> {
    const stored = entries.map((entry) => custom.readStored(this.#parsed.get(entry) as KubeObject));
    const converted = await custom.convert?.(stored, apiVersionOf(this.kind));
    for (const [index, { bytes }] of entries.entries()) {
      const object = converted?.[index];
      if (object !== undefined)
        this.#converted.set(bytes, custom.fromConverted(object) as ApiObject);
    }
  }

  /** The protobuf message of an entry, `make` where it is not at hand. */
  message(entry: Entry, make: () => Uint8Array): Uint8Array {
    // Where several versions share their stored objects, each has another message.
    if (this.kind.storedAs !== undefined) return make();
    // Asked for each item of a list: the look into the cache is dear where the message is there.
    return entry.message ?? this.#messages.get(entry, this.cache.get(entry.key) === entry, make);
  }

  /** A copy that the caller may change. */
  copy(entry: Entry): ApiObject {
    const { storedAs, custom } = this.kind;
    // What is parsed for this caller alone is its own already.
    return storedAs === undefined && custom === undefined
      ? (this.#parsed.own(entry) as ApiObject)
      : copyOf(this.read(entry));
  }

  /** The bytes to store for an object of the served version. */
  encode(object: KubeObject): Uint8Array {
    const { storedAs } = this.kind;
    return storedAs === undefined
      ? storedBytes(documentTypeOf(this.kind), object)
      : storedBytes(typeByName(storedAs.schema), storedAs.toStored(object));
  }

  /**
   * The bytes to store where the version that is stored is another custom one. Without a webhook,
   * what that one does not know goes from `object`: nobody will see it again.
   */
  async encodeConverted(object: KubeObject, custom: CustomType): Promise<Uint8Array> {
    const apiVersion = custom.storedApiVersion;
    const [converted] = (await custom.convert?.([object], apiVersion)) ?? [];
    custom.pruneForStorage?.(converted ?? object);
    return storedBytes(documentTypeOf(this.kind), converted ?? { ...object, apiVersion });
  }

  /** Served as it is stored: the cached bytes can be sent. */
  sendsStoredBytes(entry: Entry): boolean {
    const { storedAs, custom } = this.kind;
    return storedAs === undefined && entry.revision >= (custom?.storedSince ?? 0);
  }
}
