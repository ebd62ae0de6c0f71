import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import type { JsonObject } from '../meta/object.ts';
import { compileSchema } from './compile-schema.ts';
import { correlate } from './correlation.ts';
import { validateValue } from './validate-value.ts';

/** Errors of `spec.x` against the schema `x`. */
function errorsOf(x: JSONSchemaProps, value: unknown): string[] {
  const spec = { type: 'object', properties: { x } };
  const schema = compileSchema({ type: 'object', properties: { spec } });
  const object = { spec: { x: value } } as JsonObject;
  return validateValue(object, schema).map((error) => error.text());
}

const at = 'spec.x: Invalid value:';

describe('validateValue', () => {
  const rows: readonly [string, JSONSchemaProps, unknown, string[]][] = [
    [
      'a type',
      { type: 'integer' },
      'a',
      [`${at} "string": spec.x in body must be of type integer: "string"`],
    ],
    [
      'a whole number with a point',
      { type: 'integer' },
      1.5,
      [
        `${at} "number": spec.x in body must be of type integer: "number"`,
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.x',
      ],
    ],
    ['an integer as a number', { type: 'number' }, 3, []],
    [
      'null',
      { type: 'string' },
      null,
      [`${at} "null": spec.x in body must be of type string: "null"`],
    ],
    ['an allowed null', { type: 'string', nullable: true }, null, []],
    [
      'a bool of int-or-string',
      { 'x-kubernetes-int-or-string': true },
      true,
      [`${at} "boolean": spec.x in body must be of type integer,string: "boolean"`],
    ],
    [
      'int32',
      { type: 'integer', format: 'int32' },
      2 ** 31,
      [
        '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.x',
      ],
    ],
    [
      'maximum',
      { type: 'integer', maximum: 3 },
      4,
      [`${at} 4: spec.x in body should be less than or equal to 3`],
    ],
    [
      'an exclusive minimum',
      { type: 'number', minimum: 0.5, exclusiveMinimum: true },
      0.5,
      [`${at} 0.5: spec.x in body should be greater than 0.5`],
    ],
    [
      'multipleOf',
      { type: 'integer', multipleOf: 3 },
      4,
      [`${at} 4: spec.x in body should be a multiple of 3`],
    ],
    ['a fraction of multipleOf', { type: 'number', multipleOf: 0.1 }, 0.3, []],
    ['maxLength in characters', { type: 'string', maxLength: 1 }, '😀', []],
    [
      'maxLength',
      { type: 'string', maxLength: 1 },
      'ab',
      ['spec.x: Too long: may not be more than 1 bytes'],
    ],
    [
      'minLength',
      { type: 'string', minLength: 2 },
      'a',
      [`${at} "a": spec.x in body should be at least 2 chars long`],
    ],
    [
      'pattern',
      { type: 'string', pattern: '^a$' },
      'b',
      [`${at} "b": spec.x in body should match '^a$'`],
    ],
    [
      'a format',
      { type: 'string', format: 'date' },
      'x',
      [`${at} "x": spec.x in body must be of type date: "x"`],
    ],
    ['an unknown format', { type: 'string', format: 'odd' }, 'x', []],
    [
      'enum',
      { type: 'string', enum: ['a', 'b'] },
      'c',
      ['spec.x: Unsupported value: "c": supported values: "a", "b"'],
    ],
    ['required', { type: 'object', required: ['y'] }, {}, ['spec.x.y: Required value']],
    [
      'additional members',
      { type: 'object', additionalProperties: { type: 'string' } },
      { k: 1 },
      ['spec.x.k: Invalid value: "integer": spec.x.k in body must be of type string: "integer"'],
    ],
    [
      'maxProperties',
      { type: 'object', maxProperties: 0, 'x-kubernetes-preserve-unknown-fields': true },
      { a: 1 },
      ['spec.x: Too many: 1: must have at most 0 items'],
    ],
    [
      'minItems',
      { type: 'array', items: { type: 'string' }, minItems: 1 },
      [],
      [`${at} 0: spec.x in body should have at least 1 items`],
    ],
    [
      'items',
      { type: 'array', items: { type: 'string' } },
      [1],
      ['spec.x[0]: Invalid value: "integer": spec.x[0] in body must be of type string: "integer"'],
    ],
    [
      'oneOf with two that fit',
      { type: 'string', oneOf: [{}, {}] },
      'a',
      [
        '<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      ],
    ],
    [
      'anyOf',
      { type: 'integer', anyOf: [{ maximum: 1 }, { minimum: 9 }] },
      5,
      [
        '<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
        `${at} 5: spec.x in body should be less than or equal to 1`,
      ],
    ],
    [
      'allOf',
      { type: 'integer', allOf: [{ maximum: 1 }] },
      5,
      [
        `${at} 5: spec.x in body should be less than or equal to 1`,
        '<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf). None validated',
      ],
    ],
    [
      'not',
      { type: 'integer', not: { minimum: 1 } },
      5,
      ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)'],
    ],
  ];
  for (const [name, schema, value, expected] of rows) {
    it(`judges ${name}`, () => assert.deepEqual(errorsOf(schema, value), expected));
  }
});

describe('on update', () => {
  const list: JSONSchemaProps = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      type: 'object',
      properties: { name: { type: 'string' }, size: { type: 'integer', maximum: 3 } },
    },
  };
  const atomic: JSONSchemaProps = { type: 'array', items: { type: 'integer', maximum: 3 } };
  const schema = compileSchema({
    type: 'object',
    properties: { list, atomic, kind: { type: 'string', maxLength: 1 } },
  });
  const update = (next: JsonObject, old: JsonObject): string[] =>
    validateValue(next, schema, { correlation: correlate(next, old, schema) }).map(
      (error) => error.field,
    );

  it('forgives what did not change, items found by their keys', () => {
    const old = { list: [{ name: 'a', size: 9 }] };
    const next = {
      list: [
        { name: 'b', size: 9 },
        { name: 'a', size: 9 },
      ],
    };
    assert.deepEqual(update(next, old), ['list[0].size']);
  });

  it('forgives atomic lists only as a whole', () => {
    assert.deepEqual(update({ atomic: [9] }, { atomic: [9] }), []);
    assert.deepEqual(update({ atomic: [9, 1] }, { atomic: [9] }), ['atomic[0]']);
  });

  it('never forgives the type of the object itself', () => {
    assert.deepEqual(update({ kind: 'abc', a: 1 }, { kind: 'abc' }), ['kind']);
  });
});

describe('formats', () => {
  const rows: readonly [string, string[], string[]][] = [
    ['uri', ['http://a.b/c?d', '/abs', 'mailto:a@b'], ['', 'a.b', './rel']],
    ['email', ['a@b.c', 'Name <a@b>'], ['a', 'a@', '@b']],
    ['hostname', ['a.example.com', 'localhost'], ['-a', 'a..b']],
    ['ipv4', ['10.0.0.1'], ['::1', '10.0.0']],
    ['ipv6', ['::1'], ['10.0.0.1']],
    ['cidr', ['10.0.0.0/8'], ['10.0.0.0']],
    [
      'mac',
      ['01:23:45:67:89:ab', '0123.4567.89ab', '0123456789ab'],
      ['01:23:45', '01-23:45:67:89:ab'],
    ],
    ['uuid', ['123e4567-e89b-12d3-a456-426614174000'], ['x']],
    ['uuid4', ['123e4567-e89b-42d3-a456-426614174000'], ['123e4567-e89b-12d3-a456-426614174000']],
    ['isbn', ['0321751043', '978-0321751041'], ['0321751044']],
    ['creditcard', ['4220855426222389'], ['4220855426213389']],
    ['ssn', ['123-45-6789'], ['123456789']],
    ['hexcolor', ['#fff', 'CCccCC'], ['fff0']],
    ['rgbcolor', ['rgb(0,  31, 255)'], ['rgb(1,349,275)', 'rgb(01,31,255)']],
    ['byte', ['aGk='], ['aGk']],
    ['date', ['2024-02-29'], ['2023-02-29']],
    ['duration', ['1h30m', '22 seconds'], ['x', '', '1'.repeat(300_000)]],
    [
      'date-time',
      ['2024-01-02T03:04:05Z', '2024-01-02t03:04:05.5+01:00'],
      ['2024-01-02 03:04:05Z', '2024-01-02T24:00:00Z'],
    ],
    ['bsonobjectid', ['507f1f77bcf86cd799439011'], ['507f']],
    ['k8s-short-name', ['a-b'], ['a.b', 'A']],
    ['k8s-long-name', ['a.b'], ['a..b']],
  ];
  for (const [format, good, bad] of rows) {
    it(`knows ${format}`, () => {
      for (const text of good)
        assert.deepEqual(errorsOf({ type: 'string', format }, text), [], text);
      for (const text of bad)
        assert.equal(errorsOf({ type: 'string', format }, text).length, 1, text);
    });
  }
});
