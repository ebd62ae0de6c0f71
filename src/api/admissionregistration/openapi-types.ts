/**
 * The schema of a kind out of an OpenAPI v3 document, whole: what it refers to is put in its place.
 *
 * Upstream: staging/src/k8s.io/apiserver/pkg/cel/openapi/resolver/{discovery,refs}.go, v1.36.
 */
import type { CelSchema } from '#cel/schema/schema.ts';
import { type GroupVersionKind, isSameKind } from '../meta/object.ts';

const REFERENCE_PREFIX = '#/components/schemas/';
/** What refers to itself ends here. */
const PLACEHOLDER: CelSchema = { type: 'object' };

/** A schema as it is written, with references. */
interface WrittenSchema extends Omit<CelSchema, 'properties' | 'additionalProperties' | 'items'> {
  readonly properties?: Readonly<Record<string, WrittenSchema>>;
  readonly additionalProperties?: WrittenSchema | boolean;
  readonly items?: WrittenSchema;
  readonly $ref?: string;
  readonly allOf?: readonly WrittenSchema[];
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[];
}

export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, WrittenSchema>> };
}

/** Where the document of a group version is, behind `/openapi/v3`. */
export function openApiPath({ group, version }: Omit<GroupVersionKind, 'kind'>): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** Undefined: the document does not describe the kind, or not all that it refers to. */
export function schemaOf(
  document: OpenApiDocument,
  wanted: GroupVersionKind,
): CelSchema | undefined {
  const schemas = document.components?.schemas ?? {};
  const found = Object.entries(schemas).find(([, schema]) =>
    schema['x-kubernetes-group-version-kind']?.some((type) => isSameKind(type, wanted)),
  );
  if (found === undefined) return undefined;
  const [name, root] = found;
  return resolve(root, schemas, new Set([REFERENCE_PREFIX + name]));
}

function resolve(
  schema: WrittenSchema,
  schemas: Readonly<Record<string, WrittenSchema>>,
  visited: Set<string>,
): CelSchema | undefined {
  const reference = referenceOf(schema);
  if (reference === undefined) return resolveParts(schema, schemas, visited);
  if (visited.has(reference)) return PLACEHOLDER;
  const target = schemas[reference.slice(REFERENCE_PREFIX.length)];
  if (target === undefined) return undefined;
  visited.add(reference);
  const resolved = resolveParts(target, schemas, visited);
  visited.delete(reference);
  return resolved;
}

function resolveParts(
  schema: WrittenSchema,
  schemas: Readonly<Record<string, WrittenSchema>>,
  visited: Set<string>,
): CelSchema | undefined {
  const { properties, additionalProperties, items, ...rest } = schema;
  const whole: { -readonly [Key in keyof CelSchema]: CelSchema[Key] } = { ...rest };
  if (properties !== undefined) {
    const resolved: Record<string, CelSchema> = {};
    for (const [name, property] of Object.entries(properties)) {
      const each = resolve(property, schemas, visited);
      if (each === undefined) return undefined;
      resolved[name] = each;
    }
    whole.properties = resolved;
  }
  if (typeof additionalProperties === 'boolean') whole.additionalProperties = additionalProperties;
  else if (additionalProperties !== undefined) {
    const values = resolve(additionalProperties, schemas, visited);
    if (values === undefined) return undefined;
    whole.additionalProperties = values;
  }
  if (items !== undefined) {
    const each = resolve(items, schemas, visited);
    if (each === undefined) return undefined;
    whole.items = each;
  }
  return whole;
}

/** A reference with a description or a default is wrapped. */
function referenceOf({ $ref, allOf = [] }: WrittenSchema): string | undefined {
  if ($ref !== undefined) return $ref;
  for (const each of allOf) {
    const reference = referenceOf(each);
    if (reference !== undefined) return reference;
  }
  return undefined;
}
