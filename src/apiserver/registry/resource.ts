/**
 * One served resource: its kind, its cache, and the way between the served and the stored version.
 */
import type { AnyKind } from '#api/kind.ts';
import { documentTypeOf } from '#api/schema/kind-types.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { type ApiObject, copyOf } from '../api-object.ts';
import { type Entry, type ParsedCache, storedBytes } from '../watch-cache/entry.ts';
import type { ResourceCache } from '../watch-cache/resource-cache.ts';

export class Resource {
  readonly kind: AnyKind;
  readonly cache: ResourceCache;
  readonly #parsed: ParsedCache;

  constructor(options: { kind: AnyKind; cache: ResourceCache; parsed: ParsedCache }) {
    this.kind = options.kind;
    this.cache = options.cache;
    this.#parsed = options.parsed;
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
    const stored = this.#parsed.get(entry) as ApiObject;
    const { storedAs, custom } = this.kind;
    if (storedAs !== undefined) return storedAs.fromStored(stored) as ApiObject;
    if (custom === undefined || entry.revision >= custom.storedSince) return stored;
    return custom.fromStored(stored) as ApiObject;
  }

  /** A copy that the caller may change. */
  copy(entry: Entry): ApiObject {
    return copyOf(this.read(entry));
  }

  /** The bytes to store for an object of the served version. */
  encode(object: KubeObject): Uint8Array {
    const { storedAs } = this.kind;
    return storedAs === undefined
      ? storedBytes(documentTypeOf(this.kind), object)
      : storedBytes(typeByName(storedAs.schema), storedAs.toStored(object));
  }

  /** Served as it is stored: the cached bytes can be sent. */
  sendsStoredBytes(entry: Entry): boolean {
    const { storedAs, custom } = this.kind;
    return storedAs === undefined && entry.revision >= (custom?.storedSince ?? 0);
  }
}
