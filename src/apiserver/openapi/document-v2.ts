/**
 * The OpenAPI v2 document: what all of the v3 documents say in one, in the older form.
 *
 * It grows document by document, in turns of the loop, and is written once, to where it stays: a
 * server with thousands of definitions has tens of megabytes of it.
 *
 * Source: OpenAPI 2.0.
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

/** The members of one object of the document, written one after another. */
class Members {
  readonly #writer = new PieceWriter();
  /** Of each member: its piece, start and end. */
  readonly #places: number[] = [];

  add(name: string, text: string): void {
    if (this.#places.length > 0) this.#writer.text(',');
    const { start, end, piece } = this.#writer.text(`${JSON.stringify(name)}:${text}`);
    this.#places.push(piece, start, end);
  }

  result(): Pieces & { readonly places: Uint32Array } {
    return { ...this.#writer.result(), places: Uint32Array.from(this.#places) };
  }
}

export class DocumentV2Builder {
  readonly #turns: Turns;
  readonly #paths = new Members();
  readonly #definitions = new Members();
  readonly #models = new Map<string, Model>();

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  async add(source: DocumentSource): Promise<void> {
    const { paths, components } = await buildDocument({ ...source, form: 'v2' }, this.#turns);
    for (const [path, item] of entriesOf(paths)) {
      if (this.#turns.isLong()) await this.#turns.next();
      this.#paths.add(path, JSON.stringify(pathItemV2(item)));
    }
    for (const { scope, kind } of source.custom) {
      if (this.#turns.isLong()) await this.#turns.next();
      for (const [path, item] of customPathTexts(scope, kind, source)) this.#paths.add(path, item);
    }
    for (const [name, schema] of entriesOf((components as JsonObject)['schemas'])) {
      if (this.#turns.isLong()) await this.#turns.next();
      if (!source.modelsV2.has(name)) this.#define(name, schema);
    }
    for (const [name, model] of source.modelsV2) {
      if (this.#turns.isLong()) await this.#turns.next();
      this.#definitions.add(name, JSON.stringify(model()));
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

  /** The whole. What belongs to custom resources stands group by group, the rest sorted by name. */
  async finish(): Promise<DocumentV2> {
    for (const [name, { schema, kinds }] of sortedEntries(this.#models)) {
      if (this.#turns.isLong()) await this.#turns.next();
      const sorted = sortedEntries(kinds).map(([, kind]) => kind);
      const model = kinds.size > 1 ? { ...schema, [GVK]: sorted } : schema;
      this.#definitions.add(name, JSON.stringify(model));
    }
    const paths = this.#paths.result();
    const definitions = this.#definitions.result();
    const pieces = [
      Buffer.from(`${JSON.stringify(HEAD).slice(0, -1)},"paths":{`),
      ...paths.pieces,
      Buffer.from('},"definitions":{'),
      ...definitions.pieces,
      Buffer.from(`},${JSON.stringify(SECURITY).slice(1)}`),
    ];
    return {
      pieces,
      length: pieces.reduce((sum, { length }) => sum + length, 0),
      parts: () => ({
        head: { ...HEAD, ...SECURITY },
        paths: membersOf(paths),
        definitions: membersOf(definitions),
      }),
    };
  }
}

function sortedEntries<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function* membersOf({
  pieces,
  places,
}: ReturnType<Members['result']>): Generator<readonly [name: string, value: Json]> {
  for (let i = 0; i < places.length; i += 3) {
    const piece = pieces[places[i] ?? 0] ?? new Uint8Array();
    const bytes = piece.subarray(places[i + 1], places[i + 2]);
    const [member] = Object.entries(JSON.parse(`{${Buffer.from(bytes).toString()}}`) as JsonObject);
    if (member !== undefined) yield [member[0], member[1] ?? null];
  }
}
