import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CustomResourceDefinition, JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import { rootType, shapeOf } from '../apply/shape.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject, KubeObject } from '../meta/object.ts';
import { customColumns } from './columns.ts';
import { compileSchema } from './compile-schema.ts';
import { publishedSchemas } from './published-schema.ts';
import { selectableFields } from './selectable-fields.ts';
import { typeOfSchema } from './type-schema.ts';

/** The value at a path of names. */
function dig(value: Json, ...names: readonly string[]): Json | undefined {
  return names.reduce<Json | undefined>(
    (at, name) => (isJsonObject(at) ? at[name] : undefined),
    value,
  );
}

const NAMES = { group: 'example.com', version: 'v1', kind: 'Cat' };
const NOW_MS = Date.parse('2024-01-01T01:00:00Z');
const CAT = {
  apiVersion: 'example.com/v1',
  kind: 'Cat',
  metadata: { name: 'tom', creationTimestamp: '2024-01-01T00:00:00Z' },
  spec: { color: 'grey', lives: 9, weight: 4.5, wild: false, toys: ['ball'] },
} as KubeObject;

describe('customColumns', () => {
  const cell = (type: string, jsonPath: string): unknown =>
    customColumns([{ name: 'X', type, jsonPath }])[1]?.cell(CAT, NOW_MS);

  it('show name and age when the definition asks for nothing', () => {
    const columns = customColumns(undefined);
    assert.deepEqual(
      columns.map((column) => [column.name, column.cell(CAT, NOW_MS)]),
      [
        ['Name', 'tom'],
        ['Age', '60m'],
      ],
    );
  });

  it('show values of the type that is asked for, and nothing of another', () => {
    assert.equal(cell('string', '.spec.color'), 'grey');
    assert.equal(cell('string', '.spec.toys'), '["ball"]');
    assert.equal(cell('string', '.spec.lives'), '9');
    assert.equal(cell('integer', '.spec.weight'), 4);
    assert.equal(cell('number', '.spec.weight'), 4.5);
    assert.equal(cell('boolean', '.spec.wild'), false);
    assert.equal(cell('integer', '.spec.color'), null);
    assert.equal(cell('date', '.metadata.creationTimestamp'), '60m');
    assert.equal(cell('date', '.spec.color'), '<invalid>');
    assert.equal(cell('string', '.spec.missing'), null);
    assert.equal(cell('string', '.spec.toys[7]'), null);
  });

  it('describe themselves by their path', () => {
    const [, column] = customColumns([{ name: 'X', type: 'string', jsonPath: '.a', priority: 1 }]);
    assert.equal(column?.priority, 1);
    assert.equal(column?.description, 'Custom resource definition column (in JSONPath format): .a');
  });

  it('leave the name alone when a path cannot be parsed', () => {
    assert.equal(customColumns([{ name: 'X', type: 'string', jsonPath: '.a[' }]).length, 1);
  });
});

describe('selectableFields', () => {
  it('have values as text, and the empty text for what is not there', () => {
    const fields = selectableFields([{ jsonPath: '.spec.lives' }, { jsonPath: '.spec.missing' }]);
    assert.equal(fields['spec.lives']?.(CAT), '9');
    assert.equal(fields['spec.missing']?.(CAT), '');
  });
});

const SPEC: JSONSchemaProps = {
  type: 'object',
  properties: {
    ports: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string', default: 'x' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    plain: { type: 'array', items: { type: 'string' } },
    whole: {
      type: 'object',
      properties: { a: { type: 'string' } },
      'x-kubernetes-map-type': 'atomic',
    },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    port: { 'x-kubernetes-int-or-string': true },
  },
};

describe('typeOfSchema', () => {
  const type = typeOfSchema(compileSchema({ type: 'object', properties: { spec: SPEC } }), NAMES);
  const spec = type.byJson.get('spec')?.type;
  assert.ok(spec?.kind === 'object');
  const shape = (name: string): ReturnType<typeof shapeOf> => {
    const field = spec.type.byJson.get(name);
    assert.ok(field);
    return shapeOf(field.type);
  };

  it('has lists with their keys and the defaults of these', () => {
    assert.equal(shape('ports').list?.relation, 'map');
    assert.deepEqual(shape('ports').list?.keys, [['name', 'x']]);
    assert.equal(shape('tags').list?.relation, 'set');
    assert.equal(shape('plain').list?.relation, 'atomic');
  });

  it('has maps that are whole, and maps of fields', () => {
    assert.equal(shape('whole').map?.atomic, true);
    assert.equal(shape('labels').map?.atomic, false);
    assert.equal(shape('labels').map?.fields, undefined);
  });

  it('deduces what the schema does not say', () => {
    assert.ok(shape('free').scalar === 'untyped' && shape('free').map !== undefined);
    assert.equal(shape('port').scalar, 'untyped');
    const unknown = shapeOf(rootType(typeOfSchema(undefined, NAMES)));
    assert.notEqual(unknown.map?.others, undefined);
    assert.ok(unknown.map?.fields?.has('metadata'));
  });
});

describe('publishedSchemas', () => {
  const definition: CustomResourceDefinition = {
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'cats', kind: 'Cat', listKind: 'CatList' },
      versions: [
        { name: 'v1', served: true, storage: true, selectableFields: [{ jsonPath: '.spec.a' }] },
      ],
    },
  };
  const props: JSONSchemaProps = {
    type: 'object',
    description: 'A cat.',
    properties: {
      spec: {
        type: 'object',
        required: ['a', 'n'],
        properties: {
          a: { type: 'string', anyOf: [{ minLength: 1 }] },
          n: { type: 'object', nullable: true, properties: { x: { type: 'string' } } },
          port: { 'x-kubernetes-int-or-string': true },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          pod: {
            type: 'object',
            'x-kubernetes-embedded-resource': true,
            properties: { spec: { type: 'object' } },
          },
        },
      },
    },
  };
  const of = (form: 'v2' | 'v3'): JsonObject =>
    publishedSchemas(definition, 'v1', compileSchema(props), form).schema;
  const namesIn = (value: Json | undefined): string[] =>
    isJsonObject(value) ? Object.keys(value) : [];

  it('name the model, its kind and its selectable fields', () => {
    const { name, listName } = publishedSchemas(definition, 'v1', undefined, 'v3');
    assert.deepEqual([name, listName], ['com.example.v1.Cat', 'com.example.v1.CatList']);
    assert.deepEqual(of('v3')['x-kubernetes-group-version-kind'], [
      { group: 'example.com', version: 'v1', kind: 'Cat' },
    ]);
    assert.deepEqual(of('v3')['x-kubernetes-selectable-fields'], [{ fieldPath: 'spec.a' }]);
  });

  it('say everything in version 3', () => {
    const schema = of('v3');
    const inSpec = (...names: string[]): Json | undefined =>
      dig(schema, 'properties', 'spec', 'properties', ...names);
    assert.deepEqual(namesIn(schema['properties']), ['apiVersion', 'kind', 'metadata', 'spec']);
    assert.deepEqual(dig(schema, 'properties', 'metadata', 'allOf'), [
      { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
    ]);
    assert.deepEqual(inSpec('a'), { type: 'string', anyOf: [{ minLength: 1 }] });
    assert.deepEqual(inSpec('port', 'anyOf'), [{ type: 'integer' }, { type: 'string' }]);
    assert.equal(inSpec('n', 'nullable'), true);
    assert.deepEqual(inSpec('pod', 'required'), ['kind', 'apiVersion']);
    const inPod = namesIn(inSpec('pod', 'properties'));
    assert.deepEqual(inPod, ['apiVersion', 'kind', 'metadata', 'spec']);
  });

  it('leave out of version 2 what it cannot say', () => {
    const spec = dig(of('v2'), 'properties', 'spec') ?? null;
    assert.deepEqual(dig(spec, 'required'), ['a']);
    assert.deepEqual(dig(spec, 'properties', 'a'), { type: 'string' });
    assert.deepEqual(dig(spec, 'properties', 'n'), {});
    assert.deepEqual(dig(spec, 'properties', 'port'), { 'x-kubernetes-int-or-string': true });
    const free = { 'x-kubernetes-preserve-unknown-fields': true };
    assert.deepEqual(dig(spec, 'properties', 'free'), free);
  });

  it('say only that it is an object when nothing is known', () => {
    const { schema, listSchema } = publishedSchemas(definition, 'v1', undefined, 'v2');
    assert.equal(schema['properties'], undefined);
    assert.deepEqual(dig(listSchema, 'properties', 'items', 'items'), {
      $ref: '#/definitions/com.example.v1.Cat',
    });
  });
});
