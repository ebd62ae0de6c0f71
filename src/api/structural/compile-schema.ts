/**
 * From the schema in a CustomResourceDefinition to a structural schema.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/convert.go. Equal nodes are
 * made once: two thousand definitions mostly say the same things (conditions, selectors, strings).
 */
import { createHash } from 'node:crypto';
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import {
  type SchemaDocs,
  SchemaError,
  type StructuralSchema,
  type ValueValidation,
} from './structural-schema.ts';

/** The live nodes by their content: it holds none of them alive, so it needs no limit of its own. */
const nodes = new Map<string, WeakRef<StructuralSchema>>();
const ids = new WeakMap<StructuralSchema, string>();
const gone = new FinalizationRegistry<string>((key) => {
  if (nodes.get(key)?.deref() === undefined) nodes.delete(key);
});

/** How many different nodes are alive, for figures and tests. */
export function internedNodes(): number {
  return nodes.size;
}

type Make = (node: StructuralSchema) => StructuralSchema;

/** Throws SchemaError for what no structural schema can say (`$ref`, a list of `items`, …). */
export function compileSchema(props: JSONSchemaProps): StructuralSchema {
  return compile(props, intern);
}

/** The same for one look: its nodes are shared with nobody. It takes a tenth of the time. */
export function compilePlain(props: JSONSchemaProps): StructuralSchema {
  return compile(props, (node) => node);
}

function compile(props: JSONSchemaProps, make: Make): StructuralSchema {
  refuseUnsupported(props);
  const items = compileItems(props, make);
  const additional = props.additionalProperties;
  return make({
    type: props.type ?? '',
    nullable: props.nullable === true,
    default: props.default ?? undefined,
    preserveUnknownFields: preserves(props),
    embeddedResource: props['x-kubernetes-embedded-resource'] === true,
    intOrString: props['x-kubernetes-int-or-string'] === true,
    listType: props['x-kubernetes-list-type'],
    listMapKeys: nonEmpty(props['x-kubernetes-list-map-keys']),
    mapType: props['x-kubernetes-map-type'],
    rules: nonEmpty(props['x-kubernetes-validations']),
    properties: compileProperties(props.properties, make),
    additionalProperties: typeof additional === 'object' ? compile(additional, make) : additional,
    items,
    value: compileValue(props, make),
    docs: compileDocs(props),
  });
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

function preserves(props: JSONSchemaProps): boolean {
  const value = props['x-kubernetes-preserve-unknown-fields'];
  if (value === false) {
    throw new SchemaError(
      "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined",
    );
  }
  return value === true;
}

function compileItems({ items }: JSONSchemaProps, make: Make): StructuralSchema | undefined {
  if (items === undefined) return undefined;
  if (!Array.isArray(items)) return compile(items, make);
  if (items.length === 0) return undefined;
  throw new SchemaError("OpenAPIV3Schema 'items' must be a schema, but is an array");
}

function compileProperties(
  properties: Readonly<Record<string, JSONSchemaProps>> | undefined,
  make: Make,
): ReadonlyMap<string, StructuralSchema> | undefined {
  const entries = Object.entries(properties ?? {});
  if (entries.length === 0) return undefined;
  return new Map(entries.map(([name, schema]) => [name, compile(schema, make)]));
}

/** Upstream's names of fields that validation refuses, in the order in which they are looked at. */
function refuseUnsupported(props: JSONSchemaProps): void {
  const { id, patternProperties, dependencies, additionalItems, definitions } = props;
  const found: [string, boolean][] = [
    ['id', Boolean(id)],
    ['schema', Boolean(props.$schema)],
    ['$ref', Boolean(props.$ref)],
    ['patternProperties', hasMembers(patternProperties)],
    ['dependencies', hasMembers(dependencies)],
    ['additionalItems', additionalItems !== undefined],
    ['definitions', hasMembers(definitions)],
  ];
  for (const [name, is] of found) {
    if (is) throw new SchemaError(`OpenAPIV3Schema '${name}' is not supported`);
  }
}

function hasMembers(value: object | undefined): boolean {
  return value !== undefined && Object.keys(value).length > 0;
}

const PLAIN = [
  'format',
  'maximum',
  'minimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'multipleOf',
  'maxProperties',
  'minProperties',
] as const;
const FLAGS = ['exclusiveMaximum', 'exclusiveMinimum', 'uniqueItems'] as const;
const JUNCTORS = ['allOf', 'anyOf', 'oneOf'] as const;

function compileValue(props: JSONSchemaProps, make: Make): ValueValidation | undefined {
  const value: Record<string, unknown> = {};
  for (const field of PLAIN) {
    if (props[field] !== undefined && props[field] !== '') value[field] = props[field];
  }
  for (const field of FLAGS) if (props[field] === true) value[field] = true;
  if (nonEmpty(props.enum)) value['enum'] = props.enum;
  if (nonEmpty(props.required)) value['required'] = props.required;
  for (const field of JUNCTORS) {
    const clauses = nonEmpty(props[field]);
    if (clauses !== undefined) value[field] = clauses.map((clause) => compile(clause, make));
  }
  if (props.not !== undefined) value['not'] = compile(props.not, make);
  return hasMembers(value) ? value : undefined;
}

function compileDocs(props: JSONSchemaProps): SchemaDocs | undefined {
  const { description, title, externalDocs, example } = props;
  const docs: { -readonly [K in keyof SchemaDocs]: SchemaDocs[K] } = {};
  if (description) docs.description = description;
  if (title) docs.title = title;
  if (externalDocs !== undefined) docs.externalDocs = externalDocs;
  if (example !== undefined && example !== null) docs.example = example;
  return hasMembers(docs) ? docs : undefined;
}

/** The one node with this content. Children are interned already, so their ids stand for them. */
function intern(node: StructuralSchema): StructuralSchema {
  const hash = createHash('sha256').update(contentOf(node));
  const key = hash.digest('base64');
  const known = nodes.get(key)?.deref();
  if (known !== undefined) return known;
  const frozen = freeze(node);
  nodes.set(key, new WeakRef(frozen));
  ids.set(frozen, key);
  gone.register(frozen, key);
  return frozen;
}

function contentOf(node: StructuralSchema): string {
  const { properties, items, additionalProperties, ...own } = node;
  const additional =
    typeof additionalProperties === 'object' ? idOf(additionalProperties) : additionalProperties;
  return JSON.stringify(
    [
      own,
      properties && [...properties].map(([name, child]) => [name, idOf(child)]),
      items && idOf(items),
      additional,
    ],
    replaceNodes,
  );
}

function idOf(node: StructuralSchema): string {
  return ids.get(node) ?? '';
}

/** Nodes in the lists of a value validation: their ids too. */
function replaceNodes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return ids.get(value as StructuralSchema) ?? value;
}

function freeze(node: StructuralSchema): StructuralSchema {
  if (node.value !== undefined) Object.freeze(node.value);
  if (node.docs !== undefined) Object.freeze(node.docs);
  return Object.freeze(node);
}

/** A copy of `schema` with other members; of a shared node, the one that is shared. */
function withMembers(
  schema: StructuralSchema,
  members: Partial<StructuralSchema>,
): StructuralSchema {
  const changed = { ...schema, ...members };
  return ids.has(schema) ? intern(changed) : changed;
}

const EMPTY: StructuralSchema = compileSchema({});

/** The schema that says nothing. */
export function emptySchema(): StructuralSchema {
  return EMPTY;
}

/** As upstream treats the root: a whole object, embedded in nothing. Says nothing when undefined. */
export function asResourceRoot(schema: StructuralSchema | undefined): StructuralSchema {
  const known = schema ?? EMPTY;
  return known.embeddedResource ? known : withMembers(known, { embeddedResource: true });
}
