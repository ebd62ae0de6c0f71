/** Structural schemas as the CEL engine reads them. Equal nodes are one value there too. */
import type { CelSchema } from '#cel/schema/schema.ts';
import type { StructuralSchema } from './structural-schema.ts';

const known = new WeakMap<StructuralSchema, CelSchema>();

export function celSchemaOf(schema: StructuralSchema): CelSchema {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const made = convert(schema);
  known.set(schema, made);
  return made;
}

function convert(schema: StructuralSchema): CelSchema {
  const { additionalProperties: additional, properties, items, value = {} } = schema;
  const { format, required, enum: values, maxLength, maxItems, maxProperties } = value;
  const parts: { -readonly [K in keyof CelSchema]: CelSchema[K] } = {};
  if (schema.type !== '') parts.type = schema.type;
  if (format !== undefined) parts.format = format;
  if (properties !== undefined)
    parts.properties = Object.fromEntries(
      [...properties].map(([name, child]) => [name, celSchemaOf(child)]),
    );
  if (additional !== undefined)
    parts.additionalProperties =
      typeof additional === 'boolean' ? additional : celSchemaOf(additional);
  if (items !== undefined) parts.items = celSchemaOf(items);
  if (required !== undefined) parts.required = required;
  if (values !== undefined) parts.enum = values;
  if (schema.default !== undefined) parts.default = schema.default;
  if (schema.nullable) parts.nullable = true;
  if (maxLength !== undefined) parts.maxLength = maxLength;
  if (maxItems !== undefined) parts.maxItems = maxItems;
  if (maxProperties !== undefined) parts.maxProperties = maxProperties;
  if (schema.intOrString) parts['x-kubernetes-int-or-string'] = true;
  if (schema.preserveUnknownFields) parts['x-kubernetes-preserve-unknown-fields'] = true;
  if (schema.embeddedResource) parts['x-kubernetes-embedded-resource'] = true;
  if (schema.listType !== undefined) parts['x-kubernetes-list-type'] = schema.listType;
  if (schema.listMapKeys !== undefined) parts['x-kubernetes-list-map-keys'] = schema.listMapKeys;
  return parts;
}
