/**
 * Objects in the form that the client asked for; lists are `list-body.ts`.
 *
 * JSON of the stored version is sent as it lies in the cache; every other form is made from the
 * parsed object. A reader in this process may take the parsed objects themselves (docs/adr/0005).
 */
import type { Clock } from '#base/env.ts';
import type { Body } from '#base/http/message.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import { type AnyKind, listSchemaOf } from '#api/kind.ts';
import { toGoJson, toStoredGoJson } from '#api/codec/canonical.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { findType, typeByName } from '#api/schema/schema.ts';
import type { ApiObject } from './api-object.ts';
import type { Wanted } from './negotiate.ts';
import { CBOR_MEDIA, CBOR_SEQUENCE, MEDIA_TYPES } from './negotiate.ts';
import type { Resource } from './registry/resource.ts';
import { type IncludeObject, plainMetadata, rowOf, tableHead } from './table.ts';
import { type Entry, wireBytes } from './watch-cache/entry.ts';

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** What surrounds the items of a list, and what an item is. */
export interface ListShape {
  /** All of the list but its items. */
  readonly head: { readonly kind: string; readonly apiVersion: string };
  readonly itemsField: 'items' | 'rows';
  /** The schema name of the list, for protobuf. */
  readonly schema: string;
  /** The schema name of an item. */
  readonly itemSchema: string;
  /**
   * Where an item begins in the bytes of an object, which say its kind and version first: items of
   * built-in kinds leave that out, the list says it.
   */
  readonly itemsFrom: number;
  item(entry: Entry): object;
}

const NEWLINE = Buffer.from('\n');
const META_SCHEMAS = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

export function contentType(wanted: Wanted, streaming = false): string {
  if (wanted.cbor === true) return streaming ? CBOR_SEQUENCE : CBOR_MEDIA;
  return wanted.encoding === 'json' || !streaming
    ? MEDIA_TYPES[wanted.encoding]
    : `${MEDIA_TYPES[wanted.encoding]};stream=watch`;
}

export class Presenter {
  readonly resource: Resource;
  readonly wanted: Wanted;
  /** Answers are objects, not bytes. */
  readonly givesObjects: boolean;
  /** How long the making of Tables, and of metadata alone, has taken; 0 where that is not timed. */
  viewsMs = 0;
  readonly #clock: Clock;
  readonly #isTimed: boolean;
  readonly #includeObject: IncludeObject;
  readonly #nowMs: number;
  /** The apiVersion of a Table and of metadata alone. */
  readonly #meta: string;

  constructor(options: {
    resource: Resource;
    wanted: Wanted;
    includeObject?: string | null;
    clock: Clock;
    isTimed?: boolean;
    takesObjects?: boolean;
  }) {
    this.resource = options.resource;
    this.wanted = options.wanted;
    this.#clock = options.clock;
    this.#isTimed = options.isTimed === true;
    this.#nowMs = options.clock.now();
    this.#meta = `meta.k8s.io/${options.wanted.metaVersion ?? 'v1'}`;
    this.givesObjects = options.takesObjects === true && options.wanted.view !== 'table';
    const include = options.includeObject ?? '';
    this.#includeObject = include === 'None' || include === 'Object' ? include : 'Metadata';
  }

  /** One object that lies in the cache. `columns`: a Table says them (a watch says them once). */
  entry(entry: Entry, columns = true): Uint8Array {
    if (this.sendsCached(entry)) return wireBytes(entry);
    const { encoding, view } = this.wanted;
    if (encoding !== 'protobuf' || view !== 'object')
      return this.object(this.resource.read(entry), columns);
    const { kind } = this.resource;
    const raw = this.resource.message(entry, () =>
      encodeProtobuf(typeByName(kind.schema), this.resource.read(entry)),
    );
    return encodeEnvelope(apiVersionOf(kind), kind.kind, raw);
  }

  /** The protobuf message of an item of a list; `make` it where it is not at hand. */
  message(entry: Entry, make: () => Uint8Array): Uint8Array {
    return this.wanted.view === 'object' ? this.resource.message(entry, make) : make();
  }

  /** One object of the cache as a whole answer: JSON ends with a newline, as upstream's does. */
  single(entry: Entry): Body {
    if (!this.sendsCached(entry)) return { kind: 'bytes', bytes: this.entry(entry) };
    const bytes = wireBytes(entry);
    return { kind: 'pieces', pieces: [bytes, NEWLINE], length: bytes.length + NEWLINE.length };
  }

  /** The object of the cache itself, or a view of it; shared by all who read it. */
  value(entry: Entry): object {
    const { kind } = this.resource;
    const object = this.resource.read(entry);
    if (this.wanted.view !== 'metadata') return object;
    return this.#view(() => partial(kind, object, this.#meta));
  }

  /** One object, as a verb made it. */
  object(object: ApiObject, columns = true): Uint8Array {
    const { kind } = this.resource;
    switch (this.wanted.view) {
      case 'table': {
        const resourceVersion = object.metadata?.resourceVersion ?? '';
        const shape = { metadata: { resourceVersion }, columns, apiVersion: this.#meta };
        const table = this.#view(() => ({
          ...tableHead(kind, shape),
          rows: [this.#row(object)],
        }));
        return this.encode(table, `${META_SCHEMAS}Table`);
      }
      case 'metadata':
        return this.encode(
          this.#view(() => partial(kind, object, this.#meta)),
          `${META_SCHEMAS}PartialObjectMetadata`,
        );
      case 'object':
        return this.encode(withTypeMeta(object, apiVersionOf(kind), kind.kind), kind.schema);
    }
  }

  /** One object that a verb made or copied for this request: it becomes the reader's own. */
  answer(object: ApiObject): Body {
    if (!this.givesObjects) return { kind: 'bytes', bytes: this.object(object) };
    const { kind } = this.resource;
    if (this.wanted.view === 'metadata')
      return { kind: 'object', object: this.#view(() => partial(kind, object, this.#meta)) };
    return { kind: 'object', object: withTypeMeta(object, apiVersionOf(kind), kind.kind) };
  }

  listShape(metadata: ListMeta): ListShape {
    const { kind } = this.resource;
    switch (this.wanted.view) {
      case 'table':
        return {
          head: tableHead(kind, { metadata, columns: true, apiVersion: this.#meta }),
          itemsField: 'rows',
          schema: `${META_SCHEMAS}Table`,
          itemSchema: `${META_SCHEMAS}TableRow`,
          itemsFrom: 0,
          item: (entry) => this.#view(() => this.#row(this.resource.readOnce(entry))),
        };
      case 'metadata':
        return {
          head: headOf('PartialObjectMetadataList', this.#meta, metadata),
          itemsField: 'items',
          schema: `${META_SCHEMAS}PartialObjectMetadataList`,
          itemSchema: `${META_SCHEMAS}PartialObjectMetadata`,
          itemsFrom: 0,
          item: (entry) =>
            this.#view(() => partial(kind, this.resource.readOnce(entry), this.#meta)),
        };
      case 'object': {
        const apiVersion = apiVersionOf(kind);
        const keepsKind = findType(kind.schema) === undefined;
        return {
          // A list of a custom kind always says how it goes on.
          head: headOf(
            kind.listKind,
            apiVersion,
            kind.custom === undefined ? metadata : { continue: '', ...metadata },
          ),
          itemsField: 'items',
          schema: listSchemaOf(kind),
          itemSchema: kind.schema,
          itemsFrom: keepsKind ? 0 : typeMetaEnd(apiVersion, kind.kind),
          item: (entry) =>
            keepsKind
              ? withTypeMeta(this.resource.readOnce(entry), apiVersion, kind.kind)
              : withoutTypeMeta(this.resource.readOnce(entry)),
        };
      }
    }
  }

  /** `value` in the encoding asked for. `schema`: its type, for protobuf. */
  encode(
    value: { readonly kind: string; readonly apiVersion: string },
    schema: string,
  ): Uint8Array {
    switch (this.wanted.encoding) {
      case 'json':
        return this.wanted.pretty
          ? Buffer.from(`${JSON.stringify(JSON.parse(jsonText(value, schema)), null, 2)}\n`)
          : Buffer.from(`${jsonText(value, schema)}\n`);
      case 'yaml':
        return Buffer.from(toYaml(JSON.parse(jsonText(value, schema))));
      case 'protobuf': {
        const raw = encodeProtobuf(typeByName(schema), value);
        return encodeEnvelope(value.apiVersion, value.kind, raw);
      }
    }
  }

  /** The JSON of a value of the type that `schema` names. */
  text(value: object, schema: string): string {
    return jsonText(value, schema);
  }

  /** The object goes out as the bytes that lie in the cache. */
  sendsCached(entry: Entry): boolean {
    const { encoding, view, pretty } = this.wanted;
    return (
      encoding === 'json' && view === 'object' && !pretty && this.resource.sendsStoredBytes(entry)
    );
  }

  #view<T>(make: () => T): T {
    if (!this.#isTimed) return make();
    const startMs = this.#clock.monotonicMs();
    const view = make();
    this.viewsMs += this.#clock.monotonicMs() - startMs;
    return view;
  }

  #row(object: ApiObject): object {
    const { kind } = this.resource;
    const row = rowOf(kind, object, {
      nowMs: this.#nowMs,
      include: this.#includeObject,
      apiVersion: this.#meta,
    });
    if (this.#includeObject !== 'Object' || this.wanted.encoding === 'protobuf') return row;
    return { ...row, object: JSON.parse(jsonText(object, kind.schema)) as object };
  }
}

function headOf(kind: string, apiVersion: string, metadata: ListMeta): ListShape['head'] {
  const head = { kind, apiVersion, metadata };
  return head;
}

/** Objects as clients get them: kind and apiVersion of the version asked for, first. */
function withTypeMeta(object: ApiObject, apiVersion: string, kind: string) {
  return { ...object, kind, apiVersion };
}

/** Where the comma stands behind kind and version, as `storedBytes` writes them. */
function typeMetaEnd(apiVersion: string, kind: string): number {
  return Buffer.byteLength(JSON.stringify({ kind, apiVersion })) - '}'.length;
}

function withoutTypeMeta({ kind: _kind, apiVersion: _version, ...rest }: ApiObject): object {
  return rest;
}

/** As it would come out of the store, where the schema knows the type. */
function jsonText(value: object, schema: string): string {
  const type = schema.startsWith(META_SCHEMAS) ? undefined : findType(schema);
  if (type === undefined) return JSON.stringify(value);
  // A list is made for its reader: it has been in no store, though its items have.
  return isEmptyList(value) ? toGoJson(type, value) : toStoredGoJson(type, value);
}

function isEmptyList(value: object): boolean {
  return 'items' in value && Array.isArray(value.items) && value.items.length === 0;
}

function partial(kind: AnyKind, object: ApiObject, apiVersion: string) {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata: plainMetadata(kind, object),
  };
}
