/**
 * The columns of a custom resource's Table.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/registry/customresource/tableconvertor. With no
 * columns of its own a kind shows name and age, as upstream's handler gives it.
 */
import type { CustomResourceColumnDefinition } from '#api/gen/apiextensions-v1.ts';
import type { Column } from '../kind.ts';
import { timeSince } from '../meta/duration.ts';
import { JsonPath, JsonPathError, printResults } from '../meta/json-path.ts';
import type { Json, KubeObject } from '../meta/object.ts';
import { isGoInteger } from './numbers.ts';

const AGE: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  jsonPath: '.metadata.creationTimestamp',
};

/** Name, and what the definition asks for. A path that cannot be parsed leaves the name alone. */
export function customColumns(
  columns: readonly CustomResourceColumnDefinition[] | undefined,
): Column<KubeObject>[] {
  const name: Column<KubeObject> = {
    name: 'Name',
    type: 'string',
    format: 'name',
    description:
      'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
    cell: (object) => object.metadata?.name ?? '',
  };
  const own = columns === undefined || columns.length === 0 ? [AGE] : columns;
  try {
    return [name, ...own.map(customColumn)];
  } catch (error) {
    if (error instanceof JsonPathError) return [name];
    throw error;
  }
}

type CellType = NonNullable<Column<KubeObject>['type']>;

function customColumn(column: CustomResourceColumnDefinition): Column<KubeObject> {
  const path = new JsonPath(`{${column.jsonPath}}`, { allowMissing: true });
  const { type, description, format, priority } = column;
  const made = {
    name: column.name,
    type: type as CellType,
    ...(format === undefined ? {} : { format }),
    ...(priority === undefined ? {} : { priority }),
    description:
      description || `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
    cell: (object: KubeObject, nowMs: number) => cellOf(object, path, type, nowMs),
  };
  // Formats and priorities of custom columns may be others than those of built-in ones.
  return made as Column<KubeObject>;
}

type Cell = string | number | boolean | null;

function cellOf(object: KubeObject, path: JsonPath, type: string, nowMs: number): Cell {
  let value: Json | undefined;
  try {
    value = path.find(object as Json)[0]?.[0];
  } catch (error) {
    if (error instanceof JsonPathError) return null;
    throw error;
  }
  if (value === undefined) return null;
  return type === 'string' ? printResults([value]) : typedCell(value, type, nowMs);
}

function typedCell(value: Json, type: string, nowMs: number): Cell {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? (isGoInteger(value) ? value : Math.trunc(value)) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? age(value, nowMs) : null;
    default:
      return null;
  }
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/;

function age(text: string, nowMs: number): string {
  if (text === '' || text === 'null') return '<unknown>';
  const isTime = RFC3339.test(text) && !Number.isNaN(Date.parse(text.replace(',', '.')));
  return isTime ? timeSince(text, nowMs) : '<invalid>';
}
