import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markSent } from '../meta/json.ts';
import type { JsonObject } from '../meta/object.ts';
import { typeByName } from '../schema/schema.ts';
import { compare } from './compare.ts';
import type { FieldSet } from './field-set.ts';
import { firstFields } from './first-fields.ts';
import { rootType } from './shape.ts';
import { zeroObject } from './zero-object.ts';

const POD = typeByName('io.k8s.api.core.v1.Pod');
const type = rootType(POD);
const zero = zeroObject(POD);

let made = 0;

function fieldsOf(object: JsonObject, way = ''): FieldSet {
  return firstFields({ type, zero, object, way }, () => {
    made++;
    return compare(type, zero, object).changed;
  });
}

function pod(name: string, env: JsonObject[], labels: JsonObject = { app: name }): JsonObject {
  return { metadata: { name, labels }, spec: { containers: [{ name: 'web', image: name, env }] } };
}

test('objects of one form share one frozen set', () => {
  const first = fieldsOf(pod('a', [{ name: 'A', value: '1' }]));
  const before = made;
  assert.equal(fieldsOf(pod('b', [{ name: 'A', value: '22' }])), first);
  assert.equal(made, before);
  assert.ok(Object.isFrozen(first));
  assert.ok(Object.isFrozen(first['f:spec']));
});

test('a list that was sent empty is not of the form of one that a decoder filled in', () => {
  const of = (list: JsonObject[]): JsonObject => ({ spec: { containers: list } });
  assert.deepEqual(fieldsOf(of([])), {});
  assert.notDeepEqual(fieldsOf(of(markSent([]))), {});
});

test('a list with an item of no identity is not of the form of the same list without it', () => {
  const account = typeByName('io.k8s.api.core.v1.ServiceAccount');
  const fields = (...secrets: JsonObject[]): FieldSet => {
    const root = rootType(account);
    const empty = zeroObject(account);
    const object = { secrets };
    const make = (): FieldSet => compare(root, empty, object).changed;
    return firstFields({ type: root, zero: empty, object, way: '' }, make);
  };
  assert.ok('f:secrets' in fields({ name: 'a' }));
  assert.throws(() => fields({ name: 'a' }, { kind: 'Secret' }));
});

test('every other form has the set that a comparison makes', () => {
  const forms: JsonObject[] = [
    pod('a', [{ name: 'A' }]),
    pod('a', [{ name: 'B' }]),
    pod('a', [{ name: 'A' }, { name: 'B' }]),
    pod('a', [{ name: 'A' }, { name: 'A' }]),
    pod('a', []),
    pod('a', [], {}),
    pod('a', [], { ab: 'x', c: 'x' }),
    pod('a', [], { a: 'x', bc: 'x' }),
    pod('a', [], { 'a1:b': 'x' }),
    { metadata: { name: 'a' }, spec: { containers: [] } },
    { metadata: { name: 'a' }, spec: null, status: {} },
    { metadata: { name: 'a' }, spec: { containers: null }, status: { phase: 'x' } },
    { metadata: null },
    {},
    { spec: { containers: [], tolerations: [{ key: 'a' }] } },
    { spec: { containers: [], nodeSelector: { a: 'b' }, securityContext: {} } },
    { spec: { containers: [], nodeSelector: {}, securityContext: { runAsUser: 1 } } },
    { unknown: 1, spec: { containers: [{ name: 'a', ports: [{ containerPort: 1 }] }] } },
    { spec: { containers: [{ name: 'a', ports: [{ containerPort: 1, protocol: 'UDP' }] }] } },
  ];
  for (const object of [...forms, ...forms])
    assert.deepEqual(fieldsOf(object), compare(type, zero, object).changed, JSON.stringify(object));
});

test('ways of making a set are kept apart', () => {
  const object = pod('a', []);
  const all = fieldsOf(object, 'one:');
  const none = firstFields({ type, zero, object, way: 'other:' }, () => ({}));
  assert.notDeepEqual(none, all);
});
