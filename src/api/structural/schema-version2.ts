/**
 * What of a structural schema is published: int-or-string written out, and, for version 2 of
 * OpenAPI, without what it and kubectl cannot take.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/unfold.go and
 * pkg/controller/openapi/v2/conversion.go.
 */
import { compilePlain } from './compile-schema.ts';
import type { StructuralSchema, ValueValidation } from './structural-schema.ts';
import { hasIntOrStringAllOf, hasIntOrStringAnyOf } from './structure.ts';

const CLAUSES = [compilePlain({ type: 'integer' }), compilePlain({ type: 'string' })];

/** The schema with `change` made to each node of the structure, from the top down. */
function mapSchema(
  schema: StructuralSchema,
  change: (schema: StructuralSchema) => StructuralSchema,
): StructuralSchema {
  const changed = change(schema);
  const { properties, items, additionalProperties } = changed;
  return {
    ...changed,
    properties:
      properties && new Map([...properties].map(([name, each]) => [name, mapSchema(each, change)])),
    items: items && mapSchema(items, change),
    additionalProperties:
      typeof additionalProperties === 'object'
        ? mapSchema(additionalProperties, change)
        : additionalProperties,
  };
}

/** int-or-string as anyOf, for readers that do not know the extension. */
export function unfolded(schema: StructuralSchema): StructuralSchema {
  return mapSchema(schema, (node) => {
    if (!node.intOrString || hasIntOrStringAnyOf(node) || hasIntOrStringAllOf(node)) return node;
    const value = node.value ?? {};
    if (value.anyOf === undefined) return { ...node, value: { ...value, anyOf: CLAUSES } };
    const first = compilePlain({ anyOf: [{ type: 'integer' }, { type: 'string' }] });
    return { ...node, value: { ...value, allOf: [first, ...(value.allOf ?? [])] } };
  });
}

export function forVersion2(schema: StructuralSchema): StructuralSchema {
  return mapSchema(schema, (node) => {
    const { allOf: _allOf, oneOf: _oneOf, anyOf: _anyOf, not: _not, ...value } = node.value ?? {};
    let { type, items, properties } = node;
    if (node.nullable) type = '';
    if (node.nullable || node.preserveUnknownFields) [items, properties] = [undefined, undefined];
    if (items === undefined && type === 'array') type = '';
    if (node.preserveUnknownFields && type === 'object') type = '';
    const kept = withRequired(value, { ...node, properties });
    const hasValue = Object.keys(kept).length > 0;
    return {
      ...node,
      type,
      items,
      properties,
      nullable: false,
      value: hasValue ? kept : undefined,
    };
  });
}

/** Members that may be null may be left out as well, for all that version 2 can say. */
function withRequired(value: ValueValidation, schema: StructuralSchema): ValueValidation {
  const { required, ...rest } = value;
  const { properties, additionalProperties } = schema;
  if (typeof additionalProperties === 'object' && additionalProperties.nullable) return rest;
  const kept = required?.filter((name) => properties?.get(name)?.nullable !== true) ?? [];
  return kept.length === 0 ? rest : { ...rest, required: kept };
}
