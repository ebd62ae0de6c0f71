/**
 * The OpenAPI v2 document: what all of the v3 documents say in one, in the older form.
 *
 * It grows document by document, in turns of the loop; what has been added lies as bytes, because a
 * server with thousands of definitions has tens of megabytes of them.
 *
 * Source: OpenAPI 2.0; kube-openapi for its order.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Turns } from '../turns.ts';
import { KUBERNETES_VERSION } from '../version.ts';
import { entriesOf, pathItemV2, schemaV2 } from './convert-v2.ts';
import { buildDocument, type DocumentSource } from './document-v3.ts';
import { customPathTexts } from './path-template.ts';
import { type Pieces, PieceWriter } from './pieces.ts';
import type { DocumentParts } from './v2-answer.ts';

const MODELS: Readonly<Record<string, JsonObject>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
};

const HEAD: JsonObject = {
  swagger: '2.0',
  info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
};
const SECURITY: JsonObject = {
  securityDefinitions: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
  security: [{ BearerToken: [] }],
};

const GVK = 'x-kubernetes-group-version-kind';

/** One path or model: where its text (`"name":{…}`) lies. */
interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A model of the server itself, which several documents may have. */
interface Model {
  readonly schema: JsonObject;
  /** The kinds that it is of, as JSON: each document names some. */
  readonly kinds: Map<string, Json>;
}

/** The finished document. */
export interface DocumentV2 extends Pieces {
  /** Its parts again, for another form of it. */
  parts(): DocumentParts;
}

export class DocumentV2Builder {
  readonly #turns: Turns;
  readonly #paths: Entry[] = [];
  readonly #definitions: Entry[] = [];
  readonly #models = new Map<string, Model>();

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  async add(source: DocumentSource): Promise<void> {
    const texts: (readonly [list: Entry[], name: string, text: string])[] = [];
    for (const { scope, kind } of source.custom) {
      if (this.#turns.isLong()) await this.#turns.next();
      for (const [path, item] of customPathTexts(scope, kind, source))
        texts.push([this.#paths, path, item]);
    }
    for (const [name, model] of source.modelsV2) {
      if (this.#turns.isLong()) await this.#turns.next();
      texts.push([this.#definitions, name, JSON.stringify(model())]);
    }
    const { paths, components } = await buildDocument({ ...source, form: 'v2' }, this.#turns);
    for (const [path, item] of entriesOf(paths)) {
      if (this.#turns.isLong()) await this.#turns.next();
      texts.push([this.#paths, path, JSON.stringify(pathItemV2(item))]);
    }
    for (const [name, schema] of entriesOf((components as JsonObject)['schemas'])) {
      if (this.#turns.isLong()) await this.#turns.next();
      if (!source.modelsV2.has(name)) this.#define(name, schema);
    }
    await this.#keep(texts);
  }

  /** Of each document in one block of memory, which is given back when the whole is written. */
  async #keep(texts: readonly (readonly [Entry[], string, string])[]): Promise<void> {
    const whole = texts.map(([list, name, text]) => [list, name, entryText(name, text)] as const);
    const size = whole.reduce((sum, [, , text]) => sum + Buffer.byteLength(text), 0);
    const block = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const [list, name, text] of whole) {
      if (this.#turns.isLong()) await this.#turns.next();
      const end = at + block.write(text, at);
      list.push({ name, bytes: block.subarray(at, end) });
      at = end;
    }
  }

  #define(name: string, schema: JsonObject): void {
    let model = this.#models.get(name);
    if (model === undefined) {
      model = { schema: MODELS[name] ?? schemaV2(schema), kinds: new Map() };
      this.#models.set(name, model);
    }
    const kinds = schema[GVK];
    for (const kind of Array.isArray(kinds) ? kinds : [])
      model.kinds.set(JSON.stringify(kind), kind);
  }

  /** The whole, sorted by name. */
  async finish(): Promise<DocumentV2> {
    for (const [name, { schema, kinds }] of this.#models) {
      if (this.#turns.isLong()) await this.#turns.next();
      const sorted = [...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, kind]) => kind);
      const model = kinds.size > 1 ? { ...schema, [GVK]: sorted } : schema;
      const bytes = Buffer.from(entryText(name, JSON.stringify(model)));
      this.#definitions.push({ name, bytes });
    }
    const writer = new PieceWriter();
    writer.text(`${JSON.stringify(HEAD).slice(0, -1)},"paths":{`);
    const paths = await this.#write(writer, this.#paths);
    writer.text('},"definitions":{');
    const definitions = await this.#write(writer, this.#definitions);
    writer.text(`},${JSON.stringify(SECURITY).slice(1)}`);
    const { pieces, length } = writer.result();
    return {
      pieces,
      length,
      parts: () => ({
        head: { ...HEAD, ...SECURITY },
        paths: entriesAt(pieces, paths),
        definitions: entriesAt(pieces, definitions),
      }),
    };
  }

  /** Empties `entries`. Answers where each lies: its piece, start and end. */
  async #write(writer: PieceWriter, entries: Entry[]): Promise<Uint32Array> {
    const sorted = entries.splice(0).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const places = new Uint32Array(sorted.length * 3);
    for (const [i, { bytes }] of sorted.entries()) {
      if (this.#turns.isLong()) await this.#turns.next();
      if (i > 0) writer.text(',');
      writer.bytes(bytes);
      const { piece, end } = writer.position();
      places.set([piece, end - bytes.length, end], i * 3);
    }
    return places;
  }
}

function entryText(name: string, text: string): string {
  return `${JSON.stringify(name)}:${text}`;
}

function* entriesAt(
  pieces: readonly Uint8Array[],
  places: Uint32Array,
): Generator<readonly [name: string, value: Json]> {
  for (let i = 0; i < places.length; i += 3) {
    const piece = pieces[places[i] ?? 0] ?? new Uint8Array();
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString(
      'utf8',
      places[i + 1],
      places[i + 2],
    );
    const [entry] = Object.entries(JSON.parse(`{${text}}`) as JsonObject);
    if (entry !== undefined) yield [entry[0], entry[1] ?? null];
  }
}
