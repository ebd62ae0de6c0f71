/**
 * The functions of every CEL environment.
 *
 * Upstream: cel-go common/stdlib/standard.go, v0.26. Operators are declared here for the checker;
 * the planner computes them itself.
 */
import { type FunctionTable, member, type Overload, overload } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  mapType,
  NULL_TYPE,
  paramType,
  STRING,
  TIMESTAMP,
  type Type,
  TYPE,
  typeType,
  UINT,
} from '../check/type.ts';
import { regexOf } from '../regex/regex.ts';
import { RegexProblem } from '../regex/parse.ts';
import {
  toBool,
  toBytes,
  toDouble,
  toDuration,
  toInt,
  toString,
  toTimestamp,
  toUint,
} from '../value/convert.ts';
import { type CalendarTime, calendarTime, zoneOffset } from '../value/time.ts';
import {
  CelError,
  Duration,
  noSuchOverload,
  textOf,
  sizeOf,
  Timestamp,
  typeNameOf,
  TypeValue,
  type Value,
} from '../value/value.ts';

const A = paramType('A');
const B = paramType('B');
const LIST_A = listType(A);
const MAP_AB = mapType(A, B);

/** Of operators: never called, the planner has them. */
const planned = (): Value => noSuchOverload();

const operator = (id: string, args: readonly Type[], result: Type): Overload =>
  overload(id, args, result, planned);

const NUMBERS: readonly (readonly [string, Type])[] = [
  ['int64', INT],
  ['uint64', UINT],
  ['double', DOUBLE],
];

/** Whether numbers of different types compare: since Kubernetes 1.28. */
function orderings(order: string, isCrossType: boolean): readonly Overload[] {
  const same = [
    ['bool', BOOL],
    ['int64', INT],
    ['uint64', UINT],
    ['double', DOUBLE],
    ['string', STRING],
    ['bytes', BYTES],
    ['timestamp', TIMESTAMP],
    ['duration', DURATION],
  ] as const;
  const plain = same.map(([name, type]) => operator(`${order}_${name}`, [type, type], BOOL));
  if (!isCrossType) return plain;
  const crossed = NUMBERS.flatMap(([left, leftType]) =>
    NUMBERS.filter(([right]) => right !== left).map(([right, rightType]) =>
      operator(`${order}_${left}_${right}`, [leftType, rightType], BOOL),
    ),
  );
  return [...plain, ...crossed];
}

const arithmetic = (name: string, types: readonly (readonly [string, Type])[]): Overload[] =>
  types.map(([kind, type]) => operator(`${name}_${kind}`, [type, type], type));

function operators(isCrossType: boolean): FunctionTable {
  return {
    '_?_:_': [operator('conditional', [BOOL, A, A], A)],
    '_&&_': [operator('logical_and', [BOOL, BOOL], BOOL)],
    '_||_': [operator('logical_or', [BOOL, BOOL], BOOL)],
    '!_': [operator('logical_not', [BOOL], BOOL)],
    '@not_strictly_false': [operator('not_strictly_false', [BOOL], BOOL)],
    '_==_': [operator('equals', [A, A], BOOL)],
    '_!=_': [operator('not_equals', [A, A], BOOL)],
    '_+_': [
      ...arithmetic('add', [
        ['bytes', BYTES],
        ['double', DOUBLE],
      ]),
      operator('add_duration_duration', [DURATION, DURATION], DURATION),
      operator('add_duration_timestamp', [DURATION, TIMESTAMP], TIMESTAMP),
      operator('add_timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP),
      ...arithmetic('add', [
        ['int64', INT],
        ['list', LIST_A],
        ['string', STRING],
        ['uint64', UINT],
      ]),
    ],
    '_-_': [
      ...arithmetic('subtract', NUMBERS),
      operator('subtract_duration_duration', [DURATION, DURATION], DURATION),
      operator('subtract_timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP),
      operator('subtract_timestamp_timestamp', [TIMESTAMP, TIMESTAMP], DURATION),
    ],
    '_*_': arithmetic('multiply', NUMBERS),
    '_/_': arithmetic('divide', NUMBERS),
    '_%_': arithmetic('modulo', [
      ['int64', INT],
      ['uint64', UINT],
    ]),
    '-_': [operator('negate_double', [DOUBLE], DOUBLE), operator('negate_int64', [INT], INT)],
    '_<_': orderings('less', isCrossType),
    '_<=_': orderings('less_equals', isCrossType),
    '_>_': orderings('greater', isCrossType),
    '_>=_': orderings('greater_equals', isCrossType),
    '_[_]': [operator('index_list', [LIST_A, INT], A), operator('index_map', [MAP_AB, A], B)],
    '@in': [operator('in_list', [A, LIST_A], BOOL), operator('in_map', [A, MAP_AB], BOOL)],
  };
}

const size = (value: Value): Value => BigInt(sizeOf(value) ?? 0);

const SIZES = [
  ['string', STRING],
  ['bytes', BYTES],
  ['list', LIST_A],
  ['map', MAP_AB],
] as const;

type OnText = (text: string, part: string) => Value;

const onText = (id: string, call: OnText): readonly Overload[] => [
  member(id, [STRING, STRING], BOOL, (text, part) => call(textOf(text), textOf(part))),
];

const matches: OnText = (text, pattern) => {
  const regex = regexOf(pattern);
  return regex instanceof RegexProblem ? new CelError(regex.message) : regex.test(text);
};

const callMatches = (text: Value, pattern: Value): Value => matches(textOf(text), textOf(pattern));

const conversion = (
  to: Type,
  convert: (value: Value) => Value,
  from: readonly (readonly [id: string, type: Type])[],
): readonly Overload[] => from.map(([id, type]) => overload(id, [type], to, convert));

const CONVERSIONS: FunctionTable = {
  dyn: [overload('to_dyn', [A], DYN, (value) => value)],
  type: [overload('type', [A], typeType(A), (value) => new TypeValue(typeNameOf(value)))],
  bool: conversion(BOOL, toBool, [
    ['bool_to_bool', BOOL],
    ['string_to_bool', STRING],
  ]),
  bytes: conversion(BYTES, toBytes, [
    ['bytes_to_bytes', BYTES],
    ['string_to_bytes', STRING],
  ]),
  double: conversion(DOUBLE, toDouble, [
    ['double_to_double', DOUBLE],
    ['int64_to_double', INT],
    ['string_to_double', STRING],
    ['uint64_to_double', UINT],
  ]),
  duration: conversion(DURATION, toDuration, [
    ['duration_to_duration', DURATION],
    ['int64_to_duration', INT],
    ['string_to_duration', STRING],
  ]),
  int: conversion(INT, toInt, [
    ['int64_to_int64', INT],
    ['double_to_int64', DOUBLE],
    ['duration_to_int64', DURATION],
    ['string_to_int64', STRING],
    ['timestamp_to_int64', TIMESTAMP],
    ['uint64_to_int64', UINT],
  ]),
  string: conversion(STRING, toString, [
    ['string_to_string', STRING],
    ['bool_to_string', BOOL],
    ['bytes_to_string', BYTES],
    ['double_to_string', DOUBLE],
    ['duration_to_string', DURATION],
    ['int64_to_string', INT],
    ['timestamp_to_string', TIMESTAMP],
    ['uint64_to_string', UINT],
  ]),
  timestamp: conversion(TIMESTAMP, toTimestamp, [
    ['timestamp_to_timestamp', TIMESTAMP],
    ['int64_to_timestamp', INT],
    ['string_to_timestamp', STRING],
  ]),
  uint: conversion(UINT, toUint, [
    ['uint64_to_uint64', UINT],
    ['double_to_uint64', DOUBLE],
    ['int64_to_uint64', INT],
    ['string_to_uint64', STRING],
  ]),
};

/** One part of a timestamp's date or time, in UTC or in a zone. */
function timePart(id: string, zoneId: string, part: (time: CalendarTime) => number): Overload[] {
  const inZone = (value: Value, zone: Value): Value => {
    if (!(value instanceof Timestamp)) return noSuchOverload();
    const offset = zoneOffset(textOf(zone), value.nanos);
    if (offset === undefined) return new CelError(`unknown time zone ${textOf(zone)}`);
    return BigInt(part(calendarTime(value.nanos, offset)));
  };
  return [
    member(id, [TIMESTAMP], INT, (value) => inZone(value, 'UTC')),
    member(zoneId, [TIMESTAMP, STRING], INT, inZone),
  ];
}

const stamped = (
  name: string,
  part: (time: CalendarTime) => number,
  zoneSuffix = 'with_tz',
): Overload[] => timePart(`timestamp_to_${name}`, `timestamp_to_${name}_${zoneSuffix}`, part);

/** A duration as so many whole units. */
const lasting = (name: string, unitNanos: bigint): Overload =>
  member(`duration_to_${name}`, [DURATION], INT, (value) =>
    value instanceof Duration ? value.nanos / unitNanos : noSuchOverload(),
  );

const SECOND = 1_000_000_000n;

const TIMES: FunctionTable = {
  getFullYear: stamped('year', ({ year }) => year),
  getMonth: stamped('month', ({ month }) => month - 1),
  getDayOfYear: stamped('day_of_year', ({ dayOfYear }) => dayOfYear),
  getDayOfMonth: stamped('day_of_month', ({ day }) => day - 1),
  getDate: stamped('day_of_month_1_based', ({ day }) => day),
  getDayOfWeek: stamped('day_of_week', ({ dayOfWeek }) => dayOfWeek),
  getHours: [...stamped('hours', ({ hours }) => hours), lasting('hours', 3600n * SECOND)],
  getMinutes: [...stamped('minutes', ({ minutes }) => minutes), lasting('minutes', 60n * SECOND)],
  getSeconds: [...stamped('seconds', ({ seconds }) => seconds, 'tz'), lasting('seconds', SECOND)],
  getMilliseconds: [
    ...stamped('milliseconds', ({ nanos }) => Math.floor(nanos / 1_000_000)),
    member('duration_to_milliseconds', [DURATION], INT, (value) =>
      value instanceof Duration ? value.nanos / 1_000_000n : noSuchOverload(),
    ),
  ],
};

/** The standard library. */
export function standardLibrary({ isCrossType }: { readonly isCrossType: boolean }): FunctionTable {
  return {
    ...operators(isCrossType),
    ...CONVERSIONS,
    ...TIMES,
    size: SIZES.flatMap(([name, type]) => [
      overload(`size_${name}`, [type], INT, size),
      member(`${name}_size`, [type], INT, size),
    ]),
    contains: onText('contains_string', (text, part) => text.includes(part)),
    endsWith: onText('ends_with_string', (text, part) => text.endsWith(part)),
    startsWith: onText('starts_with_string', (text, part) => text.startsWith(part)),
    matches: [
      overload('matches', [STRING, STRING], BOOL, callMatches),
      ...onText('matches_string', matches),
    ],
  };
}

/** The names of CEL's own types as expressions write them. */
export const STANDARD_TYPES: readonly (readonly [string, Type])[] = [
  ['bool', BOOL],
  ['bytes', BYTES],
  ['double', DOUBLE],
  ['google.protobuf.Duration', DURATION],
  ['google.protobuf.Timestamp', TIMESTAMP],
  ['int', INT],
  ['list', listType(DYN)],
  ['map', mapType(DYN, DYN)],
  ['null_type', NULL_TYPE],
  ['string', STRING],
  ['type', TYPE],
  ['uint', UINT],
];
