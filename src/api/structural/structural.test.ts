import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import { fieldPath, ROOT } from '../meta/field.ts';
import type { JsonObject } from '../meta/object.ts';
import { validateDefaults } from './check-defaults.ts';
import { compileSchema, internedNodes } from './compile-schema.ts';
import {
  finalizerWarnings,
  readCustomResource,
  validateCustomResource,
  validateCustomResourceStatusUpdate,
  validateCustomResourceUpdate,
} from './custom-resource.ts';
import { applyDefaults, pruneNulls } from './defaults.ts';
import { validateListTypes } from './list-types.ts';
import { compilePattern } from './pattern.ts';
import { prune } from './prune.ts';
import { NestedFieldError } from './nested-fields.ts';
import { scaleOf, setScale } from './scale.ts';
import { findSchemaPath } from './schema-path.ts';
import { validateStructure } from './structure.ts';

const STRING: JSONSchemaProps = { type: 'string' };

function object(
  properties: Record<string, JSONSchemaProps>,
  more: JSONSchemaProps = {},
): JSONSchemaProps {
  return { type: 'object', properties, ...more };
}

const EMBEDDED: JSONSchemaProps = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  'x-kubernetes-preserve-unknown-fields': true,
};

describe('compileSchema', () => {
  it('makes one node of equal schemas, wherever they stand', () => {
    const left = compileSchema(object({ a: object({ b: STRING }), c: STRING }));
    const right = compileSchema(object({ x: object({ b: STRING }) }));
    assert.equal(left.properties?.get('a'), right.properties?.get('x'));
    assert.notEqual(left.properties?.get('a'), left.properties?.get('c'));
    const before = internedNodes();
    assert.equal(compileSchema(object({ a: object({ b: STRING }), c: STRING })), left);
    assert.equal(internedNodes(), before);
  });

  it('tells nodes apart by what their clauses say', () => {
    const of = (maximum: number): unknown => compileSchema({ allOf: [{ maximum }] });
    assert.notEqual(of(1), of(2));
    assert.equal(of(1), of(1));
  });

  it('refuses what no structural schema says', () => {
    assert.throws(() => compileSchema({ $ref: '#/x' }), /OpenAPIV3Schema '\$ref' is not supported/);
    assert.throws(
      () => compileSchema({ items: [{}] }),
      /'items' must be a schema, but is an array/,
    );
  });
});

describe('prune', () => {
  const schema = compileSchema(
    object({
      spec: object({
        a: STRING,
        list: { type: 'array', items: object({ b: STRING }) },
        keep: object(
          { inner: object({ c: STRING }) },
          { 'x-kubernetes-preserve-unknown-fields': true },
        ),
        map: { type: 'object', additionalProperties: object({ d: STRING }) },
        embedded: EMBEDDED,
      }),
    }),
  );

  it('takes away what is unknown, and says where', () => {
    const value = {
      apiVersion: 'v1',
      metadata: { name: 'x', odd: 1 },
      other: 1,
      spec: {
        a: 'x',
        z: 1,
        list: [{ b: '', y: 1 }],
        keep: { anything: 1, inner: { c: '', x: 1 } },
        map: { k: { d: '', w: 1 } },
        embedded: { kind: 'K', metadata: { name: 'x' }, spec: {} },
      },
    };
    assert.deepEqual(prune(value, schema, { isRoot: true }), [
      'other',
      'spec.keep.inner.x',
      'spec.list[0].y',
      'spec.map.k.w',
      'spec.z',
    ]);
    assert.deepEqual(value, {
      apiVersion: 'v1',
      metadata: { name: 'x', odd: 1 },
      spec: {
        a: 'x',
        list: [{ b: '' }],
        keep: { anything: 1, inner: { c: '' } },
        map: { k: { d: '' } },
        embedded: { kind: 'K', metadata: { name: 'x' }, spec: {} },
      },
    });
  });
});

describe('defaults', () => {
  const schema = compileSchema(
    object({
      a: { ...STRING, default: 'x' },
      b: object({ c: { type: 'integer', default: 1 } }, { default: {} }),
      n: { ...STRING, nullable: true, default: 'y' },
      plain: STRING,
      map: { type: 'object', additionalProperties: object({ e: { ...STRING, default: 'z' } }) },
    }),
  );

  it('fill in what is absent, into defaulted objects too', () => {
    const value: JsonObject = { map: { k: {} } };
    applyDefaults(value, schema);
    assert.deepEqual(value, { a: 'x', b: { c: 1 }, n: 'y', map: { k: { e: 'z' } } });
  });

  it('replace nulls where there may be none, and leave them where they may be', () => {
    const value: JsonObject = { a: null, n: null, plain: null, b: {} };
    pruneNulls(value, schema);
    applyDefaults(value, schema);
    assert.deepEqual(value, { a: 'x', n: null, b: { c: 1 } });
  });

  it('are copies: an object never holds a part of the schema', () => {
    const value: JsonObject = {};
    applyDefaults(value, schema);
    assert.notEqual(value['b'], schema.properties?.get('b')?.default);
  });
});

describe('list types', () => {
  const schema = compileSchema(
    object({
      set: { type: 'array', items: STRING, 'x-kubernetes-list-type': 'set' },
      map: {
        type: 'array',
        items: object({ a: STRING, b: STRING }),
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['a', 'b'],
      },
    }),
  );

  it('say what is there twice, once', () => {
    const value = { set: ['x', 'x', 'x'], map: [{ a: '1' }, { a: '1', b: '2' }, { a: '1' }] };
    assert.deepEqual(
      validateListTypes(value, schema, ROOT).map((error) => error.text()),
      ['set[1]: Duplicate value: "x"', 'map[2]: Duplicate value: {"a":"1"}'],
    );
  });
});

describe('embedded resources', () => {
  const schema = compileSchema(object({ spec: object({ embedded: EMBEDDED }) }));
  const kind = { group: 'g', version: 'v1', kind: 'K', schema };
  const whole = (embedded: JsonObject): JsonObject => ({
    apiVersion: 'g/v1',
    kind: 'K',
    spec: { embedded },
  });

  it('lose fields that metadata does not have', () => {
    const value = whole({ apiVersion: 'v1', kind: 'X', metadata: { name: 'a', odd: 1 } });
    assert.deepEqual(readCustomResource(value, schema), {
      unknown: ['spec.embedded.metadata.odd'],
    });
    assert.deepEqual(value, whole({ apiVersion: 'v1', kind: 'X', metadata: { name: 'a' } }));
  });

  it('are refused when metadata cannot be read, but for what is stored already', () => {
    const value = (): JsonObject => whole({ metadata: { name: 1, labels: { a: 'b' } } });
    assert.equal(
      readCustomResource(value(), schema).error?.text(),
      'spec.embedded.metadata: Invalid value: {"labels":{"a":"b"},"name":1}: json: cannot unmarshal number into Go struct field ObjectMeta.name of type string',
    );
    const twice = whole({ metadata: { name: 1, labels: { a: 2 } } });
    assert.match(
      readCustomResource(twice, schema).error?.text() ?? '',
      /ObjectMeta\.labels of type string$/,
      'the first by name is told',
    );
    const stored = value();
    readCustomResource(stored, schema, { dropInvalid: true });
    assert.deepEqual(stored, whole({ metadata: { labels: { a: 'b' } } }));
  });

  it('have a type and valid metadata', () => {
    const value = whole({ kind: 'bad kind', metadata: { labels: { '': '' } } });
    const fields = validateCustomResource(value, kind).map((error) => error.field);
    assert.ok(fields.includes('spec.embedded.apiVersion'));
    assert.ok(fields.includes('spec.embedded.kind'));
    assert.ok(fields.includes('spec.embedded.metadata.labels'));
  });
});

describe('validateCustomResource', () => {
  const schema = compileSchema(
    object({
      spec: object({ n: { type: 'integer' } }, { 'x-kubernetes-validations': [{ rule: 'true' }] }),
    }),
  );
  const rules = {
    compile: () => [],
    validate: () => ({ errors: [], forgiven: [], remainingBudget: 0 }),
  };
  const kind = { group: 'g', version: 'v1', kind: 'K', schema, rules };

  it('asks for the right type', () => {
    assert.deepEqual(
      validateCustomResource({ apiVersion: 'g/v2', kind: 'L' }, kind).map((error) => error.text()),
      ['kind: Invalid value: "L": must be K', 'apiVersion: Invalid value: "g/v2": must be g/v1'],
    );
  });

  it('runs no rules on an object of wrong shape', () => {
    const value = { apiVersion: 'g/v1', kind: 'K', spec: { n: 'x' } };
    assert.deepEqual(
      validateCustomResource(value, kind).map((error) => error.text()),
      [
        'spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"',
        '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
      ],
    );
  });

  it('checks the paths of the scale subresource', () => {
    const scale = { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' };
    const value = { apiVersion: 'g/v1', kind: 'K', spec: { n: -1 } };
    assert.deepEqual(
      validateCustomResource(value, { ...kind, scale }).map((error) => error.text()),
      ['.spec.n: Invalid value: -1: should be a non-negative integer'],
    );
  });
});

describe('updates of custom resources', () => {
  const long = { ...STRING, maxLength: 1 };
  const schema = compileSchema(
    object({
      spec: object({
        a: long,
        set: { type: 'array', items: STRING, 'x-kubernetes-list-type': 'set' },
      }),
      status: object({ a: long }),
    }),
  );
  const kind = { group: 'g', version: 'v1', kind: 'K', schema };
  const of = (spec: JsonObject, status: JsonObject = {}): JsonObject => ({
    apiVersion: 'g/v1',
    kind: 'K',
    spec,
    status,
  });
  const fields = (errors: readonly { field: string }[]): string[] =>
    errors.map(({ field }) => field);

  it('forgive what was wrong before', () => {
    const old = of({ a: 'xx', set: ['a', 'a'] });
    assert.deepEqual(
      fields(validateCustomResourceUpdate(of({ a: 'xx', set: ['b', 'b'] }), old, kind)),
      [],
    );
    assert.deepEqual(fields(validateCustomResourceUpdate(of({ a: 'yy' }), old, kind)), ['spec.a']);
    assert.deepEqual(
      fields(
        validateCustomResourceUpdate(of({ a: 'xx', set: ['b', 'b'] }), of({ set: ['a'] }), kind),
      ),
      ['spec.a', 'spec.set[1]'],
    );
  });

  it('of the status judge the status', () => {
    const old = of({ a: 'xx' }, { a: 'x' });
    assert.deepEqual(
      fields(validateCustomResourceStatusUpdate(of({ a: 'xx' }, { a: 'yy' }), old, kind)),
      ['status.a'],
    );
  });

  it('warn of new finalizers without a domain', () => {
    assert.deepEqual(finalizerWarnings(['a', 'old', 'orphan', 'x.y/z'], ['old']), [
      'metadata.finalizers: "a": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers',
    ]);
  });
});

describe('scale', () => {
  const paths = {
    specReplicasPath: '.spec.n',
    statusReplicasPath: '.status.n',
    labelSelectorPath: '.status.selector',
  };

  it('reads and writes along the paths, and leaves the object alone', () => {
    const value = Object.freeze({
      spec: Object.freeze({ n: 1, a: 2 }),
      status: { n: 3, selector: 'a=b' },
    });
    const expected = { replicas: 1, statusReplicas: 3, selector: 'a=b' };
    assert.deepEqual(scaleOf(value, paths), expected);
    assert.deepEqual(setScale(value, paths, 5)['spec'], { n: 5, a: 2 });
    assert.equal(value.spec.n, 1);
  });

  it('knows when the object does not say, and when it says something else', () => {
    assert.equal(scaleOf({}, paths).replicas, undefined);
    assert.throws(
      () => scaleOf({ spec: { n: 'x' } }, paths),
      new NestedFieldError('.spec.n accessor error: x is of the type string, expected int64'),
    );
  });
});

describe('validateStructure', () => {
  const rows: readonly [string, JSONSchemaProps, string[]][] = [
    [
      'a nested type',
      object({ a: { ...STRING, anyOf: [{ type: 'string' }] } }),
      ['s.properties[a].anyOf[0].type: Forbidden: must be empty to be structural'],
    ],
    [
      'int-or-string with its pair of types',
      object({ a: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, STRING] } }),
      [],
    ],
    [
      'a nested property that is not there',
      object({ a: STRING }, { allOf: [{ properties: { b: { minLength: 1 } } }] }),
      ['s.properties[b]: Required value: because it is defined in s.allOf[0].properties[b]'],
    ],
    [
      'metadata that says more',
      object({ metadata: object({ labels: STRING }) }),
      [
        's.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
      ],
    ],
    [
      'metadata with a rule for names',
      object({ metadata: object({ name: { ...STRING, pattern: 'a' } }) }),
      [],
    ],
    [
      'a bad pattern',
      object({ a: { ...STRING, pattern: '(' } }),
      [
        's.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
      ],
    ],
    [
      'an embedded resource without type',
      object({
        a: { 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      }),
      [
        's.properties[a].type: Required value: must be object if x-kubernetes-embedded-resource is true',
      ],
    ],
    [
      'additional properties at the root',
      { type: 'object', additionalProperties: STRING },
      ['s.additionalProperties: Forbidden: must not be used at the root'],
    ],
  ];
  for (const [name, schema, expected] of rows) {
    it(`judges ${name}`, () => {
      const found = validateStructure(compileSchema(schema), fieldPath('s'));
      assert.deepEqual(
        found.map((error) => error.text()),
        expected,
      );
    });
  }
});

describe('validateDefaults', () => {
  const errorsOf = (schema: JSONSchemaProps): string[] =>
    validateDefaults(compileSchema(schema), fieldPath('s'), { requirePruned: true }).map((error) =>
      error.text(),
    );

  it('asks that defaults are valid', () => {
    assert.deepEqual(errorsOf(object({ a: { type: 'integer', default: 'x' } })), [
      's.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"',
    ]);
  });

  it('asks that nothing in them would be pruned', () => {
    assert.deepEqual(errorsOf(object({ a: object({}, { default: { z: 1 } }) })), [
      's.properties[a].default: Invalid value: {"z":1}: must not have unknown fields',
    ]);
  });

  it('judges defaults within metadata as part of their object', () => {
    const embedded = {
      ...EMBEDDED,
      properties: { metadata: object({ name: { ...STRING, default: 'a/b' } }) },
    };
    const [error = ''] = errorsOf(object({ a: embedded }));
    assert.match(
      error,
      /must result in valid metadata: metadata.name: Invalid value: "a\/b": may not contain '\/'$/,
    );
  });
});

describe('findSchemaPath', () => {
  const schema = compileSchema(
    object({ a: object({ 'b.c': STRING }), m: { type: 'object', additionalProperties: STRING } }),
  );
  it('follows names, quoted names and keys', () => {
    assert.equal(String(findSchemaPath(".a['b.c']", schema).path), 'a.b.c');
    assert.equal(String(findSchemaPath('.m.k', schema).path), 'm[k]');
  });
  it('says where it cannot go', () => {
    assert.throws(() => findSchemaPath('.z', schema), /does not refer to a valid field/);
    assert.throws(
      () => findSchemaPath("['a']", schema, { allowBrackets: false }),
      /array notation is not allowed/,
    );
    assert.throws(() => findSchemaPath('a', schema), /expected \[ or \. but got: a/);
  });
});

describe('patterns', () => {
  const rows: readonly [string, readonly string[], readonly string[]][] = [
    ['^a.c$', ['abc'], ['a\nc', 'xabc']],
    ['(?i)abc', ['ABC'], ['abd']],
    ['a(?i)b|C', ['aB', 'c'], ['Ab']],
    ['^[[:alpha:]_]+$', ['ab_'], ['a1']],
    ['\\x{41}\\pL', ['AB'], ['A1']],
    ['^[^\\s]+$', ['ab'], ['a b']],
    ['(?P<x>a)b', ['ab'], ['b']],
    ['\\Qa.b\\E', ['a.b'], ['axb']],
    ['(?m)^b$', ['a\nb'], ['ab']],
    ['^[a-z]{2}$', ['ab'], ['abc']],
    ['a{,2}', ['a{,2}'], ['aa']],
  ];
  for (const [pattern, good, bad] of rows) {
    it(`match as Go's: ${pattern}`, () => {
      const compiled = compilePattern(pattern);
      assert.ok(!('error' in compiled));
      for (const text of good) assert.ok(compiled.test(text), text);
      for (const text of bad) assert.ok(!compiled.test(text), text);
    });
  }
  it('take time linear to the text', () => {
    const compiled = compilePattern('^(a+)+$');
    assert.ok(!('error' in compiled));
    assert.ok(!compiled.test(`${'a'.repeat(100_000)}b`));
  });
  const errors: readonly [string, string][] = [
    ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
    ['[a-z', 'missing closing ]: `[a-z`'],
    ['a)', 'unexpected ): `a)`'],
    ['a**', 'invalid nested repetition operator: `**`'],
    ['*a', 'missing argument to repetition operator: `*`'],
    ['a{1001}', 'invalid repeat count: `{1001}`'],
    ['\\1', 'invalid escape sequence: `\\1`'],
    ['[z-a]', 'invalid character class range: `z-a`'],
  ];
  for (const [pattern, message] of errors) {
    it(`are refused in Go's words: ${pattern}`, () => {
      assert.deepEqual(compilePattern(pattern), { error: `error parsing regexp: ${message}` });
    });
  }
});
