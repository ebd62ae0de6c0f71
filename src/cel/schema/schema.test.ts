/**
 * Data with a schema in expressions: types, values, the lists of Kubernetes, names of fields.
 *
 * Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatType } from '../check/type.ts';
import { celEnvironment } from '../kubernetes.ts';
import { run } from '../test-kit.ts';
import { declare, maxCardinality, typesOf } from './declared-type.ts';
import { escapeName, unescapeName } from './escape.ts';
import type { CelSchema } from './schema.ts';
import { resourceValue, schemaValue } from './values.ts';

/** What an expression about `self` (and `old`) says of JSON. */
function rule(schema: CelSchema, expression: string, self: unknown, old: unknown = self): unknown {
  const declared = declare(schema, 'selfType', false);
  assert.ok(declared, 'the schema has a type');
  const provider = typesOf([declared]);
  const variables = { self: declared.type, old: declared.type };
  const environment = celEnvironment({ variables, provider });
  return run(expression, {
    environment,
    variables: { self: schemaValue(self, schema), old: schemaValue(old, schema) },
  });
}

const object = (properties: Readonly<Record<string, CelSchema>>): CelSchema => ({
  type: 'object',
  properties,
});
const listOf = (items: CelSchema, more: Partial<CelSchema> = {}): CelSchema => ({
  type: 'array',
  items,
  ...more,
});
const STRING: CelSchema = { type: 'string' };
const INTEGER: CelSchema = { type: 'integer' };
const SET = { 'x-kubernetes-list-type': 'set' };
const MAP = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };
const NAMED = object({ name: STRING, value: INTEGER });

const RULES: readonly (readonly [
  name: string,
  schema: CelSchema,
  expression: string,
  self: unknown,
  answer: unknown,
  old?: unknown,
])[] = [
  ['an integer', object({ n: INTEGER }), 'self.n + 1', { n: 1 }, 2],
  ['a number that is whole', object({ n: { type: 'number' } }), 'self.n / 2.0', { n: 3 }, 1.5],
  ['a boolean', object({ b: { type: 'boolean' } }), '!self.b', { b: false }, true],
  [
    'a date-time',
    object({ t: { type: 'string', format: 'date-time' } }),
    'self.t.getFullYear()',
    { t: '2021-03-04T05:06:07Z' },
    2021,
  ],
  [
    'a date',
    object({ t: { type: 'string', format: 'date' } }),
    'self.t.getDate()',
    { t: '2021-03-04' },
    4,
  ],
  [
    'a duration',
    object({ d: { type: 'string', format: 'duration' } }),
    "self.d > duration('1h')",
    { d: '90m' },
    true,
  ],
  ['bytes', object({ b: { type: 'string', format: 'byte' } }), 'size(self.b)', { b: 'aGk=' }, 2],
  [
    'a number for an IntOrString',
    object({ p: { 'x-kubernetes-int-or-string': true } }),
    'type(self.p) == int && self.p == 80',
    { p: 80 },
    true,
  ],
  [
    'a text for an IntOrString',
    object({ p: { 'x-kubernetes-int-or-string': true } }),
    "type(self.p) == string && self.p == '80%'",
    { p: '80%' },
    true,
  ],
  [
    'a map',
    object({ m: { type: 'object', additionalProperties: INTEGER } }),
    "self.m.all(k, self.m[k] > 0) && 'a' in self.m",
    { m: { a: 1 } },
    true,
  ],
  ['an absent field', object({ n: INTEGER }), 'has(self.n)', {}, false],
  [
    'a field that is null',
    object({ n: { ...INTEGER, nullable: true } }),
    'has(self.n)',
    { n: null },
    false,
  ],
  ['a missing field', object({ n: INTEGER }), 'self.n == 1', {}, 'error: no such key: n'],
  ['an optional field', object({ n: INTEGER }), 'self.?n.orValue(7)', {}, 7],
  [
    'null within a list',
    listOf({ ...INTEGER, nullable: true }),
    'dyn(self[0]) == null',
    [null],
    true,
  ],
  [
    'null where the schema has none',
    listOf(INTEGER),
    'self[0] == 1',
    [null],
    'error: invalid data, got null for schema with nullable=false',
  ],
  [
    'data of another type',
    object({ n: INTEGER }),
    'self.n == 1',
    { n: 'x' },
    'error: invalid data, expected int, got string',
  ],
  [
    'a name with a dot and a slash',
    object({ 'a.b/c': INTEGER }),
    'self.a__dot__b__slash__c',
    { 'a.b/c': 4 },
    4,
  ],
  [
    'a reserved word as a field',
    object({ namespace: STRING }),
    'self.namespace + self.__namespace__',
    { namespace: 'n' },
    'nn',
  ],
  [
    'the whole of what is preserved',
    object({ p: { 'x-kubernetes-preserve-unknown-fields': true, type: 'object' } }),
    'self.p == old.p',
    { p: { a: [1] } },
    true,
  ],
  ['sets in another order', listOf(STRING, SET), 'self == old', ['a', 'b'], true, ['b', 'a']],
  ['sets that differ', listOf(STRING, SET), 'self == old', ['a', 'b'], false, ['b', 'c']],
  ['sets as a sum', listOf(STRING, SET), 'self + old', ['a', 'b'], ['a', 'b', 'c'], ['c', 'b']],
  [
    'maps in another order',
    listOf(NAMED, MAP),
    'self == old',
    [{ name: 'a', value: 1 }, { name: 'b' }],
    true,
    [{ name: 'b' }, { name: 'a', value: 1 }],
  ],
  [
    'maps as a sum',
    listOf(NAMED, MAP),
    '(self + old).map(e, e.value)',
    [
      { name: 'a', value: 1 },
      { name: 'b', value: 2 },
    ],
    [9, 2],
    [{ name: 'a', value: 9 }],
  ],
  ['plain lists in another order', listOf(STRING), 'self == old', ['a', 'b'], false, ['b', 'a']],
  [
    'objects as wholes',
    NAMED,
    'self == old',
    { name: 'a', value: 1 },
    false,
    { name: 'a', value: 2 },
  ],
  [
    'an embedded resource',
    object({ r: { type: 'object', properties: {}, 'x-kubernetes-embedded-resource': true } }),
    'self.r.metadata.name + self.r.kind',
    { r: { kind: 'Pod', metadata: { name: 'p' } } },
    'pPod',
  ],
  ['the keys of an object', listOf(NAMED), "self.exists(e, e.name == 'b')", [{ name: 'b' }], true],
];

describe('data with a schema', () => {
  for (const [name, schema, expression, self, answer, old] of RULES) {
    it(name, () => assert.deepEqual(rule(schema, expression, self, old ?? self), answer));
  }

  it('has no fields that the schema does not name', () => {
    assert.equal(
      rule(NAMED, 'self.other == 1', { other: 1 }),
      "compile: ERROR: <input>:1:5: undefined field 'other'",
    );
  });

  it('is typed: a mistake is found before anything runs', () => {
    assert.equal(
      rule(NAMED, "self.value == 'x'", {}),
      "compile: ERROR: <input>:1:12: found no matching overload for '_==_' applied to '(int, string)'",
    );
  });

  it('has a kind and a name when it is a whole resource', () => {
    const schema = object({ spec: INTEGER });
    const declared = declare(schema, 'selfType', true);
    assert.ok(declared);
    const environment = celEnvironment({
      variables: { self: declared.type },
      provider: typesOf([declared]),
    });
    const self = resourceValue({ kind: 'Pod', metadata: { name: 'p', other: 1 } }, schema);
    assert.equal(
      run('self.kind + self.metadata.name', { environment, variables: { self } }),
      'Podp',
    );
    assert.match(String(run('self.metadata.other', { environment })), /undefined field 'other'$/);
  });

  it('has no fields by reserved words before 1.31', () => {
    const declared = declare(object({ if: STRING }), 'x', false);
    assert.ok(declared);
    assert.equal(typesOf([declared], { minor: 30 }).fieldType('x', 'if'), undefined);
    assert.equal(typesOf([declared]).fieldType('x', 'if')?.kind, 'string');
  });

  it('has no type where the schema has none', () => {
    assert.equal(declare({}, 'x', false), undefined);
    assert.equal(declare({ type: 'array' }, 'x', false), undefined);
    const declared = declare(object({ a: {}, b: INTEGER }), 'x', false);
    assert.deepEqual([...(declared?.fields?.keys() ?? [])], ['b']);
  });

  it('names the types of objects by where they are', () => {
    const schema = object({
      spec: object({ list: listOf(NAMED), map: { type: 'object', additionalProperties: NAMED } }),
    });
    const spec = declare(schema, 'root', false)?.fields?.get('spec')?.fields;
    assert.equal(formatType(spec?.get('list')?.type ?? assert.fail()), 'list(root.spec.list.@idx)');
    assert.equal(
      formatType(spec?.get('map')?.type ?? assert.fail()),
      'map(string, root.spec.map.@elem)',
    );
  });

  it('counts how small and how many its values can be', () => {
    const declared = declare(
      { ...object({ name: STRING, n: INTEGER }), required: ['name'] },
      'x',
      false,
    );
    // {"name":""}: two braces, four letters, two quotes of the value, and four for the rest.
    assert.equal(declared?.minSerializedSize, 12);
    assert.equal(maxCardinality(12), 241_979);
    assert.equal(declare(listOf(INTEGER), 'x', false)?.maxElements, 1_572_863);
    assert.equal(declare({ ...STRING, maxLength: 10 }, 'x', false)?.maxElements, 40);
    assert.equal(declare({ ...STRING, enum: ['a', 'bcd'] }, 'x', false)?.maxElements, 3);
    assert.equal(declare({ ...STRING, format: 'date-time' }, 'x', false)?.maxElements, 32);
  });
});

describe('names of fields', () => {
  const names: readonly (readonly [name: string, identifier: string | undefined])[] = [
    ['plain', 'plain'],
    ['a__b', 'a__underscores__b'],
    ['a-b', 'a__dash__b'],
    ['a.b', 'a__dot__b'],
    ['a/b', 'a__slash__b'],
    ['if', '__if__'],
    ['9a', undefined],
    ['a b', undefined],
    ['ä', undefined],
    ['', undefined],
  ];
  for (const [name, identifier] of names) {
    it(JSON.stringify(name), () => {
      assert.equal(escapeName(name), identifier);
      if (identifier !== undefined) assert.equal(unescapeName(identifier), name);
    });
  }

  it('knows identifiers that stand for no name', () => {
    assert.equal(unescapeName('a__other__b'), undefined);
    assert.equal(unescapeName('a__if__'), undefined);
  });
});
