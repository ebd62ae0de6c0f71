/**
 * Objects and lists in the form that the client asked for.
 *
 * JSON of the stored version is sent as it lies in the cache; every other form is made from the
 * parsed object. A reader in this process may take the parsed objects themselves (docs/adr/0005).
 */
import type { Body } from '#base/http/message.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { ApiObject } from './api-object.ts';
import type { Wanted } from './negotiate.ts';
import { MEDIA_TYPES } from './negotiate.ts';
import type { Resource } from './registry/resource.ts';
import { type IncludeObject, tableOf } from './table.ts';
import { type Entry, wireBytes } from './watch-cache/entry.ts';

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

const META_V1 = { group: 'meta.k8s.io', version: 'v1' } as const;

export function contentType(wanted: Wanted, streaming = false): string {
  return wanted.encoding === 'json' || !streaming
    ? MEDIA_TYPES[wanted.encoding]
    : `${MEDIA_TYPES[wanted.encoding]};stream=watch`;
}

export class Presenter {
  readonly resource: Resource;
  readonly wanted: Wanted;
  /** Answers are objects, not bytes. */
  readonly givesObjects: boolean;
  readonly #includeObject: IncludeObject;
  readonly #nowMs: number;

  constructor(options: {
    resource: Resource;
    wanted: Wanted;
    includeObject?: string | null;
    nowMs: number;
    takesObjects?: boolean;
  }) {
    this.resource = options.resource;
    this.wanted = options.wanted;
    this.#nowMs = options.nowMs;
    this.givesObjects = options.takesObjects === true && options.wanted.view !== 'table';
    const include = options.includeObject ?? '';
    this.#includeObject = include === 'None' || include === 'Object' ? include : 'Metadata';
  }

  /** One object that lies in the cache. `columns`: a Table says them (a watch says them once). */
  entry(entry: Entry, columns = true): Uint8Array {
    if (this.#sendsCached()) return wireBytes(entry);
    return this.object(this.resource.read(entry), columns);
  }

  /** The object of the cache itself, or a view of it; shared by all who read it. */
  value(entry: Entry): object {
    const object = this.resource.read(entry);
    return this.wanted.view === 'metadata' ? partial(object) : object;
  }

  /** One object, as a verb made it. */
  object(object: ApiObject, columns = true): Uint8Array {
    const { kind } = this.resource;
    switch (this.wanted.view) {
      case 'table':
        return this.#encode(
          tableOf({
            kind,
            objects: [object],
            nowMs: this.#nowMs,
            include: this.#includeObject,
            columns,
          }),
          META_V1,
          'Table',
        );
      case 'metadata':
        return this.#encode(partial(object), META_V1, 'PartialObjectMetadata');
      case 'object':
        return this.#encode(withTypeMeta(object, apiVersionOf(kind), kind.kind), kind, kind.kind);
    }
  }

  /** One object that a verb made or copied for this request: it becomes the reader's own. */
  answer(object: ApiObject): Body {
    if (!this.givesObjects) return bytes(this.object(object));
    const { kind } = this.resource;
    if (this.wanted.view === 'metadata') return { kind: 'object', object: partial(object) };
    return { kind: 'object', object: withTypeMeta(object, apiVersionOf(kind), kind.kind) };
  }

  list(entries: readonly Entry[], meta: ListMeta): Body {
    const { kind } = this.resource;
    if (this.#sendsCached()) return this.#cachedList(entries, meta);
    const objects = entries.map((entry) => this.resource.read(entry));
    const metadata = { ...meta };
    if (this.wanted.view === 'table') {
      const table = tableOf({
        kind,
        objects,
        nowMs: this.#nowMs,
        include: this.#includeObject,
        columns: true,
        metadata,
      });
      return bytes(this.#encode(table, META_V1, 'Table'));
    }
    if (this.wanted.view === 'metadata') {
      const list = {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        items: objects.map(partial),
      };
      return bytes(this.#encode(list, META_V1, 'PartialObjectMetadataList'));
    }
    const items = objects.map((object) => withTypeMeta(object, apiVersionOf(kind), kind.kind));
    return bytes(
      this.#encode(
        { kind: kind.listKind, apiVersion: apiVersionOf(kind), metadata, items },
        kind,
        kind.listKind,
      ),
    );
  }

  /** A list of the cache's own objects, as `list` but for a reader in this process. */
  listOf(objects: readonly object[], meta: ListMeta): Body {
    const { kind } = this.resource;
    const head =
      this.wanted.view === 'metadata'
        ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
        : { kind: kind.listKind, apiVersion: apiVersionOf(kind) };
    return { kind: 'object', object: { ...head, metadata: { ...meta }, items: objects } };
  }

  #sendsCached(): boolean {
    const { encoding, view, pretty } = this.wanted;
    return encoding === 'json' && view === 'object' && !pretty && this.resource.sendsStoredBytes;
  }

  /** A list made of bytes that exist already, in pieces that are not joined. */
  #cachedList(entries: readonly Entry[], meta: ListMeta): Body {
    const { kind } = this.resource;
    const head = `{"kind":"${kind.listKind}","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify(meta)},"items":[`;
    const pieces: Uint8Array[] = [Buffer.from(head)];
    for (const [index, entry] of entries.entries()) {
      if (index > 0) pieces.push(COMMA);
      pieces.push(wireBytes(entry));
    }
    pieces.push(LIST_END);
    return { kind: 'pieces', pieces, length: pieces.reduce((sum, piece) => sum + piece.length, 0) };
  }

  #encode(
    value: object,
    gv: { readonly group: string; readonly version: string },
    kindName: string,
  ): Uint8Array {
    switch (this.wanted.encoding) {
      case 'json':
        return Buffer.from(
          this.wanted.pretty ? `${JSON.stringify(value, null, 2)}\n` : `${JSON.stringify(value)}\n`,
        );
      case 'yaml':
        return Buffer.from(toYaml(value));
      case 'protobuf': {
        const type =
          gv === META_V1
            ? typeByName(`io.k8s.apimachinery.pkg.apis.meta.v1.${kindName}`)
            : typeByName(this.resource.kind.schema.replace(/[^.]*$/, kindName));
        return encodeEnvelope(apiVersionOf(gv), kindName, encodeProtobuf(type, value));
      }
    }
  }
}

const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}\n');

function bytes(value: Uint8Array): Body {
  return { kind: 'bytes', bytes: value };
}

/** Objects as clients get them: kind and apiVersion of the version asked for, first. */
function withTypeMeta(object: ApiObject, apiVersion: string, kind: string): object {
  return { ...object, kind, apiVersion };
}

function partial(object: ApiObject): object {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: object.metadata ?? {},
  };
}
