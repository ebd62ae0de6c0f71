/** Values for fields, made from the field table: mostly of the right type, now and then not. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { FieldType, ScalarKind, TypeSchema } from '#api/schema/types.ts';
import type { Dice } from './dice.ts';

/** Deeper than this, optional fields are left out. */
const DEPTH_MAX = 6;
const ITEMS_MAX = 3;

const NAMES = [
  'a',
  'b',
  'c',
  'web',
  'default',
  'kube-system',
  'a.b',
  'A_b',
  '-x',
  '',
  'x'.repeat(64),
];
const TEXTS = [
  '',
  'a',
  'true',
  '1',
  'example.com/a',
  '10.0.0.1',
  '::1',
  '/tmp',
  '{}',
  'é',
  '😀',
  '\u0000',
  '*',
  'a=b',
  '5m',
  '../..',
  '$(A)',
];
const INTEGERS = [0, 1, 2, 3, 80, 443, 30_000, 65_535, 65_536, -1, 2_147_483_647, -2_147_483_648];
const LONGS = [...INTEGERS, Number.MAX_SAFE_INTEGER, 2 ** 62, -(2 ** 63)];
const WRONG: readonly Json[] = [
  null,
  true,
  'x',
  -1,
  1.5,
  Infinity,
  [],
  {},
  [null],
  { a: null },
  [[1]],
  '1e999999999',
];

const SCALARS: Readonly<Record<ScalarKind, readonly Json[]>> = {
  string: [...NAMES, ...TEXTS],
  bool: [true, false],
  int32: INTEGERS,
  int64: LONGS,
  double: [0, 1.5, -1, 1e308, 5e-324],
  bytes: ['', 'AAAA', 'YQ==', 'YQ', '!', 'AP8='],
  quantity: [
    '1',
    '100m',
    '1Gi',
    '0',
    '-1',
    '1e3',
    '1E',
    '9223372036854775808',
    '0.0000000001',
    'x',
    1,
    1.5,
  ],
  time: [
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.5+02:00',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    'now',
    '',
  ],
  microTime: ['2026-01-01T00:00:00.000001Z', '2026-01-01T00:00:00Z', 'now'],
  duration: ['1s', '0s', '-1h', '1.5m', 'x', '2562047h47m16s'],
  intOrString: [80, 'http', '50%', '101%', '-1', '', -1],
  rawExtension: [{}, { kind: 'A', apiVersion: 'v1' }, { a: { b: [1] } }],
  fieldsV1: [
    {},
    { 'f:spec': {} },
    { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } },
    { 'k:{"name":"a"}': {} },
    { x: {} },
    { 'v:1': {} },
    { 'i:-1': {} },
  ],
  json: [{}, [], 'a', 1, { type: 'object' }],
  any: [{}, [], 'a', 1],
};

/** Where field names say more than their types. */
const BY_NAME: Readonly<Record<string, readonly Json[]>> = {
  name: NAMES,
  namespace: ['default', 'fuzz', 'a', ''],
  apiVersion: ['v1', 'apps/v1', 'batch/v1', 'x/y/z', ''],
  kind: ['Pod', 'Deployment', 'ConfigMap', 'User', 'ServiceAccount', 'x'],
  resourceVersion: ['', '0', '1', '99999999999999999999', 'x', '@version'],
  uid: ['', 'x', '@uid', '00000000-0000-0000-0000-000000000000'],
  finalizers: [[], ['example.com/a'], ['kubernetes'], ['orphan', 'foregroundDeletion'], ['x']],
  generation: [0, 1, -1, 2 ** 53],
  image: ['example/a', '', ' a', 'a:latest'],
  clusterIP: ['', 'None', '10.96.0.50', '10.96.0.1', '1.2.3.4', '::1', 'x'],
  port: [80, 443, 0, 65_536],
  nodePort: [0, 30_001, 30_002, 1],
  cidr: ['10.0.0.0/8', 'fd00::/8', '10.0.0.1/33', 'x'],
  schedule: ['* * * * *', '@daily', '61 * * * *', 'x'],
  expression: ['true', 'self.a == 1', 'object.x', '[1,2].map(x, x', 'a'.repeat(500)],
};

/** A value for a field of `type` called `name`. */
export function valueOf(dice: Dice, type: FieldType, name: string, depth = 0): Json {
  // What is picked is changed later: it is not the list's own.
  return structuredClone(valueIn(dice, type, name, depth));
}

function valueIn(dice: Dice, type: FieldType, name: string, depth: number): Json {
  if (dice.chance(0.02)) return dice.pick(WRONG);
  const known = BY_NAME[name];
  if (known !== undefined && dice.chance(0.7)) return dice.pick(known);
  switch (type.kind) {
    case 'scalar': {
      const { enum: values } = type;
      if (values !== undefined && values.length > 0 && dice.chance(0.9)) return dice.pick(values);
      return dice.pick(SCALARS[type.scalar]);
    }
    case 'list':
      return Array.from({ length: dice.below(ITEMS_MAX + 1) }, () =>
        valueOf(dice, type.of, singularOf(name), depth + 1),
      );
    case 'map': {
      const entries = Array.from({ length: dice.below(ITEMS_MAX + 1) }, () => [
        dice.pick(NAMES),
        valueOf(dice, type.of, '', depth + 1),
      ]);
      return Object.fromEntries(entries) as JsonObject;
    }
    case 'object':
      return objectOf(dice, type.type, depth + 1);
  }
}

/** An object with some of the fields of `type`: all that are required, fewer of the others with depth. */
export function objectOf(dice: Dice, type: TypeSchema, depth = 0): JsonObject {
  const object: JsonObject = {};
  const chance = depth > DEPTH_MAX ? 0 : Math.min(0.8, 4 / (type.fields.length + 1));
  for (const field of type.fields) {
    const wanted = field.required ? dice.chance(0.95) : dice.chance(chance);
    if (wanted) object[field.json] = valueOf(dice, field.type, field.json, depth);
  }
  if (dice.chance(0.03))
    object[dice.pick(['unknown', '__proto__x', 'toString', ''])] = dice.pick(WRONG);
  return object;
}

/** Changes `object` in one to three places, as its type suggests. */
export function mutate(dice: Dice, type: TypeSchema, object: JsonObject): void {
  for (let times = 1 + dice.below(3); times > 0; times--) mutateOnce(dice, type, object);
}

function mutateOnce(dice: Dice, type: TypeSchema, object: JsonObject): void {
  if (type.fields.length === 0) return;
  const present = type.fields.filter(({ json }) => object[json] !== undefined);
  const field =
    present.length > 0 && dice.chance(0.8) ? dice.pick(present) : dice.pick(type.fields);
  const value = object[field.json];
  const down = placeIn(dice, field.type, value);
  if (down !== undefined && dice.chance(0.75)) mutateOnce(dice, down.type, down.object);
  else if (value !== undefined && dice.chance(0.2)) delete object[field.json];
  else object[field.json] = valueOf(dice, field.type, field.json, 3);
}

/** An object at or within a field's value. */
function placeIn(
  dice: Dice,
  type: FieldType,
  value: Json | undefined,
): { type: TypeSchema; object: JsonObject } | undefined {
  if (type.kind === 'list' && Array.isArray(value) && value.length > 0)
    return placeIn(dice, type.of, dice.pick(value));
  if (type.kind !== 'object' || typeof value !== 'object' || value === null || Array.isArray(value))
    return undefined;
  return { type: type.type, object: value };
}

function singularOf(name: string): string {
  return name.replace(/s$/, '');
}
