/** What a field is set to: of the wrong type, out of range, at its limits, too long, not allowed. */
import type { Json } from '#api/meta/object.ts';
import type { FieldType, ScalarKind, ScalarType } from '#api/schema/types.ts';
import { isJsonObject } from '#api/meta/json.ts';

export interface Mutation {
  /** What is done, as a case's id says it. */
  readonly label: string;
  /** Undefined: the member is taken away. */
  readonly value: Json | undefined;
}

const LONG = [64, 254];
const BAD_STRINGS = ['', 'x', 'Bad_Value!', '-a', 'a/b/c', ' ', '../x', '10.0.0.256', '/abs:path'];
const INTEGERS = [-1, 0, 1, 7, 101, 65_536, 2_147_483_647, -2_147_483_648];
const LARGE_INTEGERS = [4_294_967_296, 9_007_199_254_740_991];
const INT_OR_STRINGS: Json[] = [
  -1,
  0,
  65_536,
  '',
  '-5%',
  '0%',
  '100%',
  '101%',
  'name',
  'Bad_Name!',
  'a-name-that-is-too-long',
  '5',
];
const QUANTITIES = ['0', '-1', '1', '1500m', '1n', '1Ei', '100Gi', 'x', ''];
const TIMES = ['2024-01-01T00:00:00Z', '2024-01-01', ''];
const DURATIONS = ['1s', 'x'];
const MAP_KEYS = [
  'Bad Key!',
  '',
  'a/b/c',
  'kubernetes.io/x',
  'a'.repeat(64),
  `${'a'.repeat(254)}/b`,
];
const LIST_LENGTHS = [0, 33, 129];

const SCALARS: Readonly<Record<ScalarKind, readonly Json[]>> = {
  string: [],
  bool: [true, false],
  int32: INTEGERS,
  int64: [...INTEGERS, ...LARGE_INTEGERS],
  double: [-1, 0.5, 1e300],
  bytes: ['', 'eA==', '!'],
  quantity: QUANTITIES,
  time: TIMES,
  microTime: TIMES,
  duration: DURATIONS,
  intOrString: INT_OR_STRINGS,
  rawExtension: [{}, { a: 1 }, { apiVersion: 'v1', kind: 'Pod' }],
  fieldsV1: [{}],
  json: [1, 'a', [], {}],
  any: [1, 'a', [], {}],
};

/** Everything that is tried at a place that holds `value`. */
export function mutationsOf(type: FieldType, value: Json): Mutation[] {
  return [
    { label: 'missing', value: undefined },
    { label: 'null', value: null },
    { label: 'of wrong type', value: ofWrongType(type) },
    ...ownMutations(type, value),
  ].filter((mutation) => !same(mutation.value, value));
}

/** What a member is set to that the object has not. */
export function additionsOf(name: string, type: FieldType): Mutation[] {
  const added = { label: 'added', value: sampleOf(name, type) };
  if (type.kind !== 'scalar') return [added, { label: 'added empty', value: emptyOf(type) }];
  return [added, ...scalarMutations(type).slice(0, 5)];
}

/** Another valid value of the same kind, as far as one can know: what immutability is asked with. */
export function changed(type: FieldType, value: Json): Json | undefined {
  if (type.kind !== 'scalar') return undefined;
  if (type.enum !== undefined) return type.enum.find((other) => other !== value);
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (type.scalar === 'quantity') return '3Gi';
  if (type.scalar === 'time') return '2025-01-01T00:00:00Z';
  if (type.scalar === 'microTime') return '2025-01-01T00:00:00.000000Z';
  if (typeof value === 'string') return `${value}x`;
  return undefined;
}

function ownMutations(type: FieldType, value: Json): Mutation[] {
  switch (type.kind) {
    case 'scalar':
      return scalarMutations(type);
    case 'list':
      return listMutations(type, value);
    case 'map':
      return mapMutations(value);
    case 'object':
      return [{ label: 'empty', value: {} }];
  }
}

function scalarMutations(type: ScalarType): Mutation[] {
  if (type.scalar !== 'string') return SCALARS[type.scalar].map(labelled);
  const strings = type.enum === undefined ? BAD_STRINGS : ['', 'Bad', ...type.enum];
  const long = type.enum === undefined ? LONG : [];
  return [
    ...strings.map(labelled),
    ...long.map((length) => ({ label: `of ${length} characters`, value: 'a'.repeat(length) })),
  ];
}

function listMutations(type: FieldType & { kind: 'list' }, value: Json): Mutation[] {
  const items = Array.isArray(value) ? value : [];
  const [first = sampleOf('item', type.of)] = items;
  return [
    ...LIST_LENGTHS.map((length) => ({
      label: `of ${length} items`,
      value: Array.from({ length }, () => first),
    })),
    { label: 'with a duplicate', value: [...items, first] },
    { label: 'with an empty item', value: [...items, emptyOf(type.of)] },
    { label: 'reversed', value: items.toReversed() },
  ];
}

function mapMutations(value: Json): Mutation[] {
  const members = isJsonObject(value) ? value : {};
  const [first = 'value'] = Object.values(members);
  return [
    { label: 'empty', value: {} },
    ...MAP_KEYS.map((key) => ({
      label: `with key ${shown(key)}`,
      value: { ...members, [key]: first },
    })),
  ];
}

function labelled(value: Json): Mutation {
  return { label: `= ${shown(value)}`, value };
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 30)}…(${text.length})` : text;
}

function ofWrongType(type: FieldType): Json {
  if (type.kind === 'list') return {};
  if (type.kind === 'map' || type.kind === 'object') return [];
  switch (type.scalar) {
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
      return 7;
    case 'bool':
      return 'true';
    case 'intOrString':
    case 'quantity':
      return { a: 'b' };
    case 'rawExtension':
      return 'text';
    default:
      return 'text';
  }
}

function emptyOf(type: FieldType): Json {
  if (type.kind === 'list') return [];
  if (type.kind === 'map' || type.kind === 'object') return {};
  return type.scalar === 'int32' || type.scalar === 'int64'
    ? 0
    : type.scalar === 'bool'
      ? false
      : '';
}

const SAMPLES: Readonly<Record<ScalarKind, Json>> = {
  string: '',
  bool: true,
  int32: 1,
  int64: 1,
  double: 1,
  bytes: 'eA==',
  quantity: '1',
  time: '2024-01-01T00:00:00Z',
  microTime: '2024-01-01T00:00:00.000000Z',
  duration: '1s',
  intOrString: 1,
  rawExtension: { a: 'b' },
  fieldsV1: {},
  json: {},
  any: {},
};
const SAMPLE_DEPTH_MAX = 4;

/** A value of the type with every member set. */
function sampleOf(name: string, type: FieldType, depth = 0): Json {
  if (type.kind === 'scalar') {
    if (type.scalar !== 'string') return SAMPLES[type.scalar];
    return type.enum?.[0] ?? name.toLowerCase();
  }
  if (depth >= SAMPLE_DEPTH_MAX) return emptyOf(type);
  if (type.kind === 'list') return [sampleOf(name, type.of, depth + 1)];
  if (type.kind === 'map') return { key: sampleOf(name, type.of, depth + 1) };
  return Object.fromEntries(
    type.type.fields.map((field) => [field.json, sampleOf(field.json, field.type, depth + 1)]),
  );
}

function same(left: Json | undefined, right: Json): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
