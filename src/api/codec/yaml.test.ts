import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fromYaml, fromYamlBytes, fromYamlDocuments, toYaml, YamlError } from './yaml.ts';

describe('fromYaml', () => {
  const scalars: [text: string, value: unknown][] = [
    ['yes', true],
    ['On', true],
    ['y', true],
    ['NO', false],
    ['off', false],
    ['~', null],
    ['', null],
    ['null', null],
    ['010', 8],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b101', 5],
    ['-0x10', -16],
    ['1_000', 1000],
    ['08', 8],
    ['1e3', 1000],
    ['.5', 0.5],
    ['+12', 12],
    ['12:30', '12:30'],
    ['1.2.3', '1.2.3'],
    ['2024-05-01', '2024-05-01'],
    ['2024-05-01T10:00:00Z', '2024-05-01T10:00:00Z'],
    ['"yes"', 'yes'],
    ["'010'", '010'],
    ['!!str 123', '123'],
    ['yEs', 'yEs'],
    ['0x', '0x'],
  ];
  for (const [text, value] of scalars) {
    it(`${text === '' ? 'nothing' : text} is ${JSON.stringify(value)}`, () => {
      assert.deepEqual(fromYaml(`a: ${text}`), { a: value });
    });
  }

  it('makes texts of keys', () => {
    assert.deepEqual(fromYaml('1: a\ntrue: b\n1.5: c\non: d'), { 1: 'a', true: 'd', 1.5: 'c' });
  });

  it('merges mappings', () => {
    assert.deepEqual(fromYaml('a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3'), {
      a: { b: 1, c: 2 },
      d: { b: 1, c: 3 },
    });
  });

  it('reads JSON, and the first document of several', () => {
    assert.deepEqual(fromYaml('{"a":[1,"b",null]}'), { a: [1, 'b', null] });
    assert.deepEqual(fromYaml('---\na: 1\n---\nb: 2\n'), { a: 1 });
    assert.deepEqual(fromYamlDocuments('---\na: 1\n---\n---\nb: 2\n'), [{ a: 1 }, { b: 2 }]);
    assert.equal(fromYaml(''), null);
  });

  it('takes the last of equal keys, and tells where asked', () => {
    const problems: string[] = [];
    assert.deepEqual(fromYaml('a:\n  b: 1\n  b: 2\n', problems), { a: { b: 2 } });
    assert.deepEqual(problems, [
      'error converting YAML to JSON: yaml: unmarshal errors:\n  line 3: key "b" already set in map',
    ]);
  });

  it('keeps prototypes: a key named __proto__ is a key', () => {
    const value = fromYaml('__proto__: {x: 1}') as object;
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.deepEqual(Object.keys(value), ['__proto__']);
  });

  it('refuses a document that aliases blow up', () => {
    const levels = Array.from({ length: 12 }, (_, i) => {
      const aliases = Array.from({ length: 10 }, () => `*a${i}`).join(',');
      return `a${i + 1}: &a${i + 1} [${aliases}]`;
    });
    const text = ['a0: &a0 [x]', ...levels].join('\n');
    assert.throws(() => fromYaml(text), /excessive aliasing/);
  });

  it('refuses a value that contains itself', () => {
    assert.throws(() => fromYaml('a: &a [*a]'), YamlError);
    assert.throws(() => fromYaml('&a {b: {c: *a}}'), YamlError);
  });

  it('refuses nesting without end, and what JSON cannot hold', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    assert.deepEqual(fromYaml(nested(500)), JSON.parse(nested(500)));
    assert.throws(() => fromYaml(nested(5000)), YamlError);
    assert.throws(() => fromYaml('a: .inf'), YamlError);
    assert.throws(() => fromYaml('? [a]\n: b'), YamlError);
  });

  it('says on which line a text is no YAML', () => {
    assert.throws(
      () => fromYaml('a: 1\nb: [1\nc: 2\n'),
      /^YamlError: error converting YAML to JSON: yaml: line \d+: /,
    );
  });
});

describe('toYaml', () => {
  const rows: [claim: string, value: unknown, text: string][] = [
    [
      'sorts keys: signs, numbers by value, letters',
      { b: 1, a10: 1, a2: 1, '.': 1 },
      '.: 1\na2: 1\na10: 1\nb: 1\n',
    ],
    ['does not indent lists', { a: [{ b: 1, c: [2] }] }, 'a:\n- b: 1\n  c:\n  - 2\n'],
    ['nests lists in lists', [[1, 2], []], '- - 1\n  - 2\n- []\n'],
    ['writes empty collections in flow style', { a: {}, b: [] }, 'a: {}\nb: []\n'],
    [
      'quotes what would not be text',
      { a: ['yes', '1', '', 'null', '2024-05-01', '1:30'] },
      'a:\n- "yes"\n- "1"\n- ""\n- "null"\n- "2024-05-01"\n- "1:30"\n',
    ],
    ['quotes such keys too', { y: 1, 1: 2 }, '"1": 2\n"y": 1\n'],
    [
      'uses single quotes for signs',
      { a: ['x: y', '#c', "it's: so", ' b', '- d', '@e'] },
      "a:\n- 'x: y'\n- '#c'\n- 'it''s: so'\n- ' b'\n- '- d'\n- '@e'\n",
    ],
    [
      'uses plain style where it can',
      { a: ['-b', 'c:d', 'e#f', 'g{}', '/h'] },
      'a:\n- -b\n- c:d\n- e#f\n- g{}\n- /h\n',
    ],
    [
      'writes lines as a block',
      { a: 'b\nc\n', d: 'e\nf', g: 'h\n\n' },
      'a: |\n  b\n  c\nd: |-\n  e\n  f\ng: |+\n  h\n\n',
    ],
    [
      'says the indentation of a block that begins with a space',
      { a: ' b\nc' },
      'a: |2-\n   b\n  c\n',
    ],
    [
      'escapes what cannot be printed',
      { a: 'b\tc', d: 'e\tf\ng', h: '\u{1f600}\u0001' },
      'a: "b\\tc"\nd: "e\\tf\\ng"\nh: "\\U0001F600\\x01"\n',
    ],
    [
      'writes numbers as Go',
      { a: [1.5, 1e21, 1234567.5, 0.00001, 100000000, -0] },
      'a:\n- 1.5\n- 1e+21\n- 1.2345675e+06\n- 1e-05\n- 100000000\n- 0\n',
    ],
    ['leaves out what is undefined', { a: undefined, b: { c: undefined } }, 'b: {}\n'],
    ['writes a scalar', 'a', 'a\n'],
  ];
  for (const [claim, value, text] of rows) it(claim, () => assert.equal(toYaml(value), text));

  it('folds a long text at a space beyond column 80', () => {
    const words = Array.from({ length: 30 }, () => 'word').join(' ');
    const lines = toYaml({ a: words }).trimEnd().split('\n');
    assert.equal(lines.length, 2);
    assert.ok(lines[0]!.length > 80 && lines[0]!.length < 86);
    assert.ok(lines[1]!.startsWith('  word'));
  });

  it('writes what it can read again', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .string({ unit: 'binary' })
        .filter((value) => value.isWellFormed() && !value.includes('\ufeff')),
      fc.constantFrom(
        'yes',
        '010',
        ' a',
        'a ',
        'a\n b',
        '\n',
        ' \n',
        '- a',
        '? b',
        ': c',
        '...',
        'a\r\nb',
        '\u0085',
      ),
      fc
        .array(fc.constantFrom('word', 'x:', '#y', "'", '"', ' ', '\n'), { maxLength: 60 })
        .map((parts) => parts.join(' ')),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('map'),
      ),
      list: fc.array(tie('any'), { maxLength: 4 }),
      map: fc.dictionary(text, tie('any'), { maxKeys: 4, noNullPrototype: true }),
    })).any;
    fc.assert(
      fc.property(value, (original) => assert.deepEqual(fromYaml(toYaml([original])), [original])),
      { numRuns: 500 },
    );
  });
});

describe('fromYamlBytes()', () => {
  const refusal = (bytes: Uint8Array): string => {
    try {
      return `read ${JSON.stringify(fromYamlBytes(bytes))}`;
    } catch (error) {
      assert.ok(error instanceof YamlError);
      return error.message;
    }
  };

  it('reads text', () => {
    assert.deepEqual(fromYamlBytes(Buffer.from('a: "ü\u0085"\tb: 1'.replace('\tb', '\nb'))), {
      a: 'ü\u0085',
      b: 1,
    });
  });

  it('refuses bytes that are no text, also in a comment', () => {
    assert.equal(
      refusal(Uint8Array.of(0x23, 0x52, 0xc2)),
      'error converting YAML to JSON: yaml: invalid UTF-8',
    );
    assert.match(refusal(Buffer.from('# \u0003')), /yaml: control characters are not allowed$/);
  });
});
