/**
 * OpenAPI v3 documents: one for each group version, and small ones for the other paths.
 *
 * Source: KEP-2896 for how the API is divided into documents.
 */
import type { AnyKind } from '#api/kind.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { groupsOf } from '../discovery/groups.ts';
import { subresourcesOf } from '../discovery/subresources.ts';
import type { Turns } from '../turns.ts';
import { KUBERNETES_VERSION } from '../version.ts';
import { withCbor } from './cbor.ts';
import { pathsOfCustomKind } from './custom-paths.ts';
import { answers, META_V1, type Operation, pathItem, type Ref } from './operations.ts';
import { groupTitle, groupVersionTitle, pathsOfKind, type Scope, tagOf } from './paths.ts';
import { type Pieces, PieceWriter } from './pieces.ts';
import { type CustomModels, customModels, type GroupVersion, SchemaCollector } from './schemas.ts';

/** A document that is made when it is asked for. */
export interface DocumentSource {
  /** As in the index: `apis/apps/v1`. */
  readonly path: string;
  readonly groupVersion?: GroupVersion;
  /** What it is made of beside the field table: another document has another text. */
  readonly identity: string;
  /** Models of custom resources, by name. */
  readonly models: CustomModels;
  /** The same models for the older document. */
  readonly modelsV2: CustomModels;
  /** Fields list the values that they may have. */
  readonly enums?: boolean;
  /** Objects also come in CBOR. */
  readonly cbor?: boolean;
  /** Each adds some of the document's paths to `paths`; models come from `ref`. */
  readonly steps: readonly Step[];
  /** Custom resources: the rest of the paths. */
  readonly custom: readonly { readonly scope: Omit<Scope, 'ref'>; readonly kind: AnyKind }[];
}

type Step = (paths: JsonObject, ref: Ref) => void;

const INFO: JsonObject = { title: 'Kubernetes', version: KUBERNETES_VERSION };
/** Of what upstream makes of definitions alone. */
const CUSTOM_INFO: JsonObject = { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' };
const SECURITY: JsonObject = {
  securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
};

/** Every document there is, in no order. */
export function* documentSources(kinds: readonly AnyKind[]): Generator<DocumentSource> {
  yield* OTHERS;
  for (const { name, versions } of groupsOf(kinds)) {
    if (name !== '' && !versions.every(isCustom)) yield groupSource(name);
    for (const { version, kinds: own } of versions)
      yield versionSource({ group: name, version }, own);
  }
}

function versionSource(groupVersion: GroupVersion, kinds: readonly AnyKind[]): DocumentSource {
  const { group, version } = groupVersion;
  const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
  const root = `/${path}`;
  const scope = { group, version, root };
  const builtIn = kinds.filter(({ custom }) => custom === undefined);
  return {
    path,
    groupVersion,
    identity: kinds.map(identityOf).join('\n'),
    models: customModels(kinds, 'v3'),
    modelsV2: customModels(kinds, 'v2'),
    // Upstream says of custom resources what they are, and not where they are listed.
    steps:
      builtIn.length === 0
        ? []
        : [indexStep(groupVersion, root), ...builtIn.flatMap((kind) => stepsOf(scope, kind))],
    custom: kinds.filter(({ custom }) => custom !== undefined).map((kind) => ({ scope, kind })),
  };
}

function isCustom({ kinds }: { readonly kinds: readonly AnyKind[] }): boolean {
  return kinds.every(({ custom }) => custom !== undefined);
}

function indexStep({ group, version }: GroupVersion, root: string): Step {
  return (paths, ref) => {
    const id = `get${groupVersionTitle({ group, version })}APIResources`;
    const list = read(id, answers(ref(`${META_V1}.APIResourceList`), ['200']));
    paths[`${root}/`] = pathItem(tagOf(group, version), [list]);
  };
}

function pathsFor({ custom }: AnyKind): typeof pathsOfKind {
  return custom === undefined ? pathsOfKind : pathsOfCustomKind;
}

function stepsOf(scope: Omit<Scope, 'ref'>, kind: AnyKind): Step[] {
  return [
    (_, ref) => void ref(kind.schema),
    (paths, ref) =>
      Object.assign(paths, Object.fromEntries(pathsFor(kind)({ ...scope, ref }, kind))),
  ];
}

/** The server's own models that custom resources refer to; what they are themselves is given. */
function* modelSteps({ custom, modelsV2 }: DocumentSource): Generator<Step> {
  const seen = new Set<string>();
  for (const { scope, kind } of custom) {
    const form = JSON.stringify([kind.namespaced, kind.verbs, subresourcesOf(kind).map(nameOf)]);
    if (seen.has(form)) continue;
    seen.add(form);
    yield (_, ref) => {
      const known: Ref = (name) => (modelsV2.has(name) ? {} : ref(name));
      pathsOfCustomKind({ ...scope, ref: known }, kind);
      for (const name of ['ObjectMeta', 'ListMeta']) ref(`${META_V1}.${name}`);
    };
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function groupSource(group: string): DocumentSource {
  return {
    path: `apis/${group}`,
    ...STATIC,
    steps: [
      (paths, ref) => {
        const responses = answers(ref(`${META_V1}.APIGroup`), ['200']);
        paths[`/apis/${group}/`] = pathItem(tagOf(group), [
          read(`get${groupTitle(group)}APIGroup`, responses),
        ]);
      },
    ],
  };
}

function read(id: string, responses: JsonObject): Operation {
  return { method: 'get', id, parameters: [], responses };
}

/** Kinds are made once, and there may be thousands of them in each new set. */
const identities = new WeakMap<AnyKind, string>();

function identityOf(kind: AnyKind): string {
  const known = identities.get(kind);
  if (known !== undefined) return known;
  const { group, version, plural, schema, verbs, namespaced, returnsDeletedObject, custom } = kind;
  const subresources = subresourcesOf(kind).map(nameOf);
  const own = { group, version, plural, schema, verbs, namespaced, returnsDeletedObject };
  const identity = JSON.stringify({ ...own, subresources, custom: custom?.identity });
  identities.set(kind, identity);
  return identity;
}

const STATIC = { identity: '', models: new Map(), modelsV2: new Map(), custom: [] } as const;

/** Paths that belong to no group version. */
const OTHERS: readonly DocumentSource[] = [
  {
    path: 'api',
    ...STATIC,
    steps: [
      (paths, ref) => {
        const responses = answers(ref(`${META_V1}.APIVersions`), ['200']);
        paths['/api/'] = pathItem('core', [read('getCoreAPIVersions', responses)]);
      },
    ],
  },
  {
    path: 'apis',
    ...STATIC,
    steps: [
      (paths, ref) => {
        const responses = answers(ref(`${META_V1}.APIGroupList`), ['200']);
        paths['/apis/'] = pathItem('apis', [read('getAPIVersions', responses)]);
      },
    ],
  },
  {
    path: 'version',
    ...STATIC,
    steps: [
      (paths, ref) => {
        const responses = answers(
          ref('io.k8s.apimachinery.pkg.version.Info'),
          ['200'],
          ['application/json'],
        );
        paths['/version/'] = pathItem('version', [read('getCodeVersion', responses)]);
      },
    ],
  },
  {
    path: 'openid/v1/jwks',
    ...STATIC,
    steps: [
      (paths) => {
        const responses = answers({ type: 'string' }, ['200'], ['application/jwk-set+json']);
        paths['/openid/v1/jwks/'] = pathItem('openid', [
          read('getServiceAccountIssuerOpenIDKeyset', responses),
        ]);
      },
    ],
  },
  {
    path: '.well-known/openid-configuration',
    ...STATIC,
    steps: [
      (paths) => {
        const responses = answers({ type: 'string' }, ['200'], ['application/json']);
        paths['/.well-known/openid-configuration/'] = pathItem('WellKnown', [
          read('getServiceAccountIssuerOpenIDConfiguration', responses),
        ]);
      },
    ],
  },
];

/** The document as it grows: one step, then another. */
class DocumentBuilder {
  readonly #cbor: boolean;
  readonly #collector: SchemaCollector;
  readonly #paths: JsonObject = {};
  readonly #isCustom: boolean;

  constructor({ groupVersion, models, enums, cbor, steps }: DocumentSource) {
    this.#isCustom = steps.length === 0;
    // Indices of groups and versions are documents of their own.
    this.#cbor = cbor === true && groupVersion !== undefined;
    const versions = groupVersion === undefined ? [] : [groupVersion];
    this.#collector = new SchemaCollector(versions, models, enums === true);
  }

  run(step: Step): void {
    step(this.#paths, (name) => this.#collector.ref(name));
  }

  /** The whole document, ready to be written. */
  document(): JsonObject {
    const schemas = this.#collector.schemas();
    return {
      openapi: '3.0.0',
      info: this.#isCustom ? CUSTOM_INFO : INFO,
      paths: sortedByKey(this.#cbor ? withCbor(this.#paths) : this.#paths),
      components: {
        ...(Object.keys(schemas).length === 0 ? {} : { schemas }),
        ...(this.#isCustom ? {} : SECURITY),
      },
    };
  }
}

/**
 * Makes the document. `form`: as it is, or what the v2 document is made of, where custom resources
 * are given otherwise.
 */
export async function buildDocument(
  source: DocumentSource & { readonly form?: 'v3' | 'v2' },
  turns: Turns,
): Promise<JsonObject> {
  const builder = new DocumentBuilder(source);
  const custom =
    source.form === 'v2'
      ? modelSteps(source)
      : source.custom.values().flatMap(({ scope, kind }) => stepsOf(scope, kind));
  for (const steps of [source.steps, custom]) {
    for (const step of steps) {
      if (turns.isLong()) await turns.next();
      builder.run(step);
    }
  }
  return builder.document();
}

/** The document as JSON. */
export async function documentText(document: JsonObject, turns: Turns): Promise<Pieces> {
  const writer = new PieceWriter();
  const { openapi, info, paths, components } = document;
  const { schemas, ...rest } = components as JsonObject;
  writer.text(`${JSON.stringify({ openapi, info }).slice(0, -1)},"paths":`);
  await writeMembers(writer, paths, turns);
  writer.text(',"components":{');
  if (schemas !== undefined) {
    writer.text('"schemas":');
    await writeMembers(writer, schemas, turns);
  }
  const others = JSON.stringify(rest).slice(1);
  writer.text(`${schemas !== undefined && others !== '}' ? ',' : ''}${others}}\n`);
  return writer.result();
}

async function writeMembers(
  writer: PieceWriter,
  value: Json | undefined,
  turns: Turns,
): Promise<void> {
  let separator = '{';
  for (const [name, member] of Object.entries((value ?? {}) as JsonObject)) {
    if (turns.isLong()) await turns.next();
    writer.text(`${separator}${JSON.stringify(name)}:${JSON.stringify(member)}`);
    separator = ',';
  }
  writer.text(separator === '{' ? '{}' : '}');
}

function sortedByKey(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
