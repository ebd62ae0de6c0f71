import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../meta/object.ts';
import { typeByName } from '../schema/schema.ts';
import { makeTypeSchema, type TypeSchema } from '../schema/types.ts';
import { changesNothing } from './no-change.ts';
import { conflictOf, kindOf, metadata, POD, Server, spec } from './test-server.ts';

describe('fields under another schema', () => {
  const field = { number: 1, pointer: true, omitempty: true, omitzero: false, required: false };
  const text = { kind: 'scalar', scalar: 'string' } as const;
  const custom = (specType: 'atomic' | 'granular'): TypeSchema => {
    const names = { goName: 'X', goType: 'v1.X' };
    const inner = makeTypeSchema({
      ...names,
      name: 'spec',
      members: ['a', 'b'].map((json) => ({ ...field, json, type: text })),
    });
    return makeTypeSchema({
      ...names,
      name: 'x',
      preserveUnknownFields: true,
      members: [
        ...['apiVersion', 'kind'].map((json) => ({ ...field, json, type: text })),
        {
          ...field,
          json: 'metadata',
          type: {
            kind: 'object',
            type: typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'),
          },
        },
        { ...field, json: 'spec', type: { kind: 'object', type: inner, structType: specType } },
      ],
    });
  };
  const kind = kindOf('example.com', 'v1', 'X', 'x');

  test('members without a schema are granular objects and whole lists', () => {
    const server = new Server(kind, custom('granular')).apply('a', {
      extra: { deep: { x: 1 }, list: [{ y: 1 }] },
    });
    assert.deepEqual(server.fields('a'), {
      'f:extra': { '.': {}, 'f:deep': { '.': {}, 'f:x': {} }, 'f:list': {} },
    });
    server.apply('b', { extra: { deep: { z: 2 } } });
    assert.deepEqual(server.object?.['extra'], { deep: { x: 1, z: 2 }, list: [{ y: 1 }] });
    server.write('c', (object) => Object.assign(object, { extra: 'scalar' }));
    assert.deepEqual(server.fields('c'), { 'f:extra': {} });
  });

  test('what has become atomic since is owned whole', () => {
    const server = new Server(kind, custom('granular')).write('a', spec({ a: '1', b: '2' }));
    assert.deepEqual(server.fields('a'), { 'f:spec': { '.': {}, 'f:a': {}, 'f:b': {} } });
    const now = new Server(kind, custom('atomic'));
    now.object = server.object;
    now.write('b', metadata({ labels: { x: 'y' } }));
    assert.deepEqual(now.fields('a'), { 'f:spec': {} });
    assert.deepEqual(
      conflictOf(() => now.apply('c', { spec: { a: '2' } })).causes.map((cause) => cause.field),
      ['.spec'],
    );
  });

  test('managers that wrote another version are asked in its terms; versions that are gone are forgotten', () => {
    const rename = (object: JsonObject, from: string, to: string): JsonObject => {
      const { [from]: value, ...rest } = (object['spec'] ?? {}) as JsonObject;
      return { ...object, spec: value === undefined ? rest : { ...rest, [to]: value } };
    };
    const server = new Server(kind, custom('granular')).write('new', spec({ b: '1' }));
    const entry = (manager: string, apiVersion: string, fieldsV1: JsonObject): JsonObject => ({
      manager,
      operation: 'Update',
      apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1,
    });
    server.metadata['managedFields'] = [
      entry('old', 'example.com/v0', { 'f:spec': { 'f:a': {} } }),
      entry('gone', 'example.com/v00', { 'f:spec': { 'f:a': {} } }),
    ];
    server.versions = (apiVersion) =>
      apiVersion === 'example.com/v0'
        ? {
            type: custom('granular'),
            toForeign: (object) => rename(object, 'b', 'a'),
            fromForeign: (object) => rename(object, 'a', 'b'),
          }
        : undefined;
    const error = conflictOf(() => server.apply('c', { spec: { b: '2' } }));
    assert.equal(
      error.message,
      'Apply failed with 1 conflict: conflict with "old" using example.com/v0: .spec.a',
    );
    server.apply('c', { spec: { b: '2' } }, { force: true });
    assert.deepEqual(
      server.entries.map(({ manager }) => manager),
      ['c'],
    );
    // An applier is one manager, whatever version it applied before.
    server.metadata['managedFields'] = [
      { ...entry('c', 'example.com/v0', { 'f:spec': { 'f:a': {} } }), operation: 'Apply' },
    ];
    server.apply('c', { spec: {} });
    assert.deepEqual(
      server.entries.map(({ manager, apiVersion }) => [manager, apiVersion]),
      [['c', 'example.com/v1']],
    );
    assert.equal(server.spec['b'], undefined);
  });
});

test('a write that would change times alone changes nothing', () => {
  const stored = new Server(POD).apply('a', { spec: { nodeName: '1' } }).object ?? {};
  const entry = ((stored['metadata'] as JsonObject)['managedFields'] as JsonObject[])[0] ?? {};
  const later = { ...entry, time: '2025-02-02T00:00:00Z' };
  const withEntry = (object: JsonObject): JsonObject => ({
    ...object,
    metadata: { ...(object['metadata'] as JsonObject), managedFields: [later] },
  });
  assert.equal(changesNothing(stored, withEntry(stored)), true);
  const other = withEntry({ ...stored, spec: { nodeName: '2' } });
  assert.equal(changesNothing(stored, other), false);
  const { metadata, ...rest } = withEntry(stored);
  const managers = [{ ...later, manager: 'b' }];
  const managed = { ...rest, metadata: { ...(metadata as JsonObject), managedFields: managers } };
  assert.equal(changesNothing(stored, managed), false);
  assert.equal(changesNothing(stored, { ...withEntry(stored), status: {} }), false);
});
