/**
 * The built-in types, read lazily from the generated field table.
 *
 * The table is one text, so that loading it costs next to nothing; a type is read when it is first
 * asked for. Its lines:
 *
 *   P <model prefix> <version> [<group>]      a package begins; packages count from 0
 *   E <name> <value>|<value>…                 an enum of the package
 *   <name>[!] [mark…];<member>;<member>…      a type; `!`: a kind of the package's group version
 *
 * A mark is `atomic`, one of `TwoForms`, or `union:<discriminator>:<field>=<value>+…`.
 * A member is `<json>,<number>,<type>,<flags>,<key>=<value>…`; an inlined one has no json name.
 * Types: a letter for a scalar, `[` list, `(` list that protobuf wraps, `{` map (of what follows),
 * `@[<package>.]<name>` object. Flags: p pointer, o omitempty, z omitzero, r required.
 * Keys: s patch strategies, k patch merge key, l list type, K list map keys, m map or struct type,
 * e enum, n Go type, d default as JSON.
 */
import { FIELD_TABLE } from '../gen/schema.gen.ts';
import type { Json } from '../meta/object.ts';
import {
  type FieldSchema,
  type FieldType,
  makeTypeSchema,
  type Member,
  type ObjectType,
  type PatchStrategy,
  type ScalarKind,
  type TwoForms,
  type TypeSchema,
  type UnionSchema,
} from './types.ts';

export type { TypeSchema } from './types.ts';

interface TablePackage {
  readonly model: string;
  readonly version: string;
  readonly group: string;
  readonly enums: Map<string, string>;
  readonly lines: Map<string, string>;
  readonly types: Map<string, TypeSchema>;
}

const SCALARS: Readonly<Record<string, ScalarKind>> = {
  s: 'string',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  d: 'double',
  y: 'bytes',
  q: 'quantity',
  t: 'time',
  m: 'microTime',
  D: 'duration',
  I: 'intOrString',
  r: 'rawExtension',
  f: 'fieldsV1',
  j: 'json',
  a: 'any',
};

const packages = readPackages();
const byModel = new Map(packages.map((entry) => [entry.model, entry]));
const byGroupVersion = Map.groupBy(packages, (entry) => `${entry.group}/${entry.version}`);

/** Kinds of meta/v1 that belong to every group version. */
const META_PACKAGE = byModel.get('io.k8s.apimachinery.pkg.apis.meta.v1');

/** A type by its OpenAPI model name, undefined when there is none. */
export function findType(name: string): TypeSchema | undefined {
  const dot = name.lastIndexOf('.');
  const home = byModel.get(name.slice(0, dot));
  return home === undefined ? undefined : typeIn(home, name.slice(dot + 1));
}

/** A type by its OpenAPI model name. Throws when there is none: the name is the programmer's. */
export function typeByName(name: string): TypeSchema {
  const type = findType(name);
  if (type === undefined) throw new Error(`Cannot find the built-in type "${name}"`);
  return type;
}

/**
 * The type of a kind: of the group version's own, else of the kinds of meta/v1 that every group
 * has (`Status`, `DeleteOptions`, `Table`, …). Undefined when there is none.
 */
export function typeForKind(group: string, version: string, kind: string): TypeSchema | undefined {
  for (const entry of byGroupVersion.get(`${group}/${version}`) ?? []) {
    if (entry.lines.get(kind)?.startsWith(`${kind}!`)) return typeIn(entry, kind);
  }
  if (META_PACKAGE?.lines.get(kind)?.startsWith(`${kind}!`)) return typeIn(META_PACKAGE, kind);
  return undefined;
}

/** Every kind of every group version, lists and option kinds included. */
export function builtinKinds(): { group: string; version: string; kind: string }[] {
  return packages.flatMap(({ group, version, lines }) =>
    [...lines]
      .filter(([kind, line]) => line.startsWith(`${kind}!`))
      .map(([kind]) => ({ group, version, kind })),
  );
}

function readPackages(): TablePackage[] {
  const found: TablePackage[] = [];
  let current: TablePackage | undefined;
  for (const line of FIELD_TABLE.split('\n')) {
    if (line.startsWith('P ')) {
      const [, model = '', version = '', group = ''] = line.split(' ');
      const tables = { enums: new Map(), lines: new Map(), types: new Map() };
      current = { model, version, group, ...tables };
      found.push(current);
    } else if (line.startsWith('E ')) {
      // A value may hold spaces.
      const space = line.indexOf(' ', 2);
      current?.enums.set(line.slice(2, space), line.slice(space + 1));
    } else if (line !== '') {
      current?.lines.set(/^\w+/.exec(line)?.[0] ?? '', line);
    }
  }
  return found;
}

function typeIn(home: TablePackage, name: string): TypeSchema | undefined {
  const known = home.types.get(name);
  if (known !== undefined) return known;
  const line = home.lines.get(name);
  if (line === undefined) return undefined;
  const type = readType(home, name, line);
  home.types.set(name, type);
  return type;
}

function readType(home: TablePackage, name: string, line: string): TypeSchema {
  const [head = '', ...members] = line.split(';');
  const [, ...marks] = head.split(' ');
  const unions: UnionSchema[] = [];
  const parts: { -readonly [K in keyof TypeSchema]?: TypeSchema[K] } = {};
  for (const mark of marks) {
    if (mark === 'atomic') parts.structType = 'atomic';
    else if (mark.startsWith('union:')) unions.push(readUnion(mark));
    else parts.twoForms = mark as TwoForms;
  }
  if (unions.length > 0) parts.unions = unions;
  return makeTypeSchema({
    name: `${home.model}.${name}`,
    goName: name,
    goType: `${home.version}.${name}`,
    members: members.map((text) => readMember(home, text)),
    ...parts,
  });
}

function readUnion(mark: string): UnionSchema {
  const [, discriminator = '', pairs = ''] = mark.split(':');
  const fields = pairs.split('+').map((pair): [string, string] => {
    const [field = '', value = ''] = pair.split('=');
    return [field, value];
  });
  return discriminator === '' ? { fields } : { discriminator, fields };
}

function readMember(home: TablePackage, text: string): Member {
  const [json = '', number = '', typeText = '', flags = '', ...rest] = text.split(',');
  // A default is JSON and the last key; it may hold commas, so the parts are joined again.
  const extras = new Map<string, string>();
  for (const [index, part] of rest.entries()) {
    const key = part.charAt(0);
    extras.set(key, key === 'd' ? rest.slice(index).join(',').slice(2) : part.slice(2));
    if (key === 'd') break;
  }
  if (json === '') {
    const type = readObject(home, typeText.slice(1), new Map()).type;
    return { inline: Number(number), type };
  }
  const field: { -readonly [K in keyof FieldSchema]: FieldSchema[K] } = {
    json,
    number: Number(number),
    type: readFieldType(home, typeText, extras),
    pointer: flags.includes('p'),
    omitempty: flags.includes('o'),
    omitzero: flags.includes('z'),
    required: flags.includes('r'),
  };
  const strategies = extras.get('s');
  const mergeKey = extras.get('k');
  const fallback = extras.get('d');
  if (strategies !== undefined) field.patchStrategy = strategies.split('+') as PatchStrategy[];
  if (mergeKey !== undefined) field.patchMergeKey = mergeKey;
  if (fallback !== undefined) field.default = JSON.parse(fallback) as Json;
  return field;
}

type Extras = ReadonlyMap<string, string>;

function readFieldType(home: TablePackage, text: string, extras: Extras): FieldType {
  const code = text.charAt(0);
  if (code === '@') return readObject(home, text.slice(1), extras);
  const goType = extras.get('n');
  if (code === '[' || code === '(') return readList(home, text, extras);
  const mapType = extras.get('m') as 'atomic' | 'granular' | undefined;
  if (code === '{') {
    const of = readFieldType(home, text.slice(1), elementExtras(extras, 'map[string]'));
    return {
      kind: 'map',
      of,
      ...(mapType === undefined ? {} : { mapType }),
      ...(goType === undefined ? {} : { goType }),
    };
  }
  const values = extras.get('e');
  const list = values === undefined ? undefined : home.enums.get(values);
  return {
    kind: 'scalar',
    scalar: SCALARS[code] ?? 'any',
    ...(goType === undefined ? {} : { goType }),
    ...(list === undefined ? {} : { enum: list.split('|') }),
    ...(extras.get('l') === 'atomic' ? { listType: 'atomic' } : {}),
  };
}

function readList(home: TablePackage, text: string, extras: Extras): FieldType {
  const of = readFieldType(home, text.slice(1), elementExtras(extras, '[]'));
  const listType = extras.get('l') as 'atomic' | 'set' | 'map' | undefined;
  const goType = extras.get('n');
  const keys = extras.get('K');
  return {
    kind: 'list',
    of,
    ...(listType === undefined ? {} : { listType }),
    ...(keys === undefined ? {} : { mapKeys: keys.split('+') }),
    ...(text.startsWith('(') ? { wrapped: true } : {}),
    ...(goType === undefined ? {} : { goType }),
  };
}

/** What of a member's extras holds for its elements: the enum and the rest of the Go type. */
function elementExtras(extras: Extras, prefix: string): Extras {
  const inner = new Map<string, string>();
  const enumName = extras.get('e');
  const goType = extras.get('n');
  if (enumName !== undefined) inner.set('e', enumName);
  if (goType?.startsWith(prefix)) inner.set('n', goType.slice(prefix.length));
  return inner;
}

/** An object type whose schema is made when it is first read. */
function readObject(home: TablePackage, text: string, extras: Extras): ObjectType {
  const structType = extras.get('m') as 'atomic' | 'granular' | undefined;
  const dot = text.indexOf('.');
  const target = dot < 0 ? home : packages[Number(text.slice(0, dot))];
  const name = text.slice(dot + 1);
  let known: TypeSchema | undefined;
  return {
    kind: 'object',
    get type(): TypeSchema {
      known ??= target === undefined ? undefined : typeIn(target, name);
      if (known === undefined) throw new Error(`Cannot find the type ${text} in ${home.model}`);
      return known;
    },
    ...(structType === undefined ? {} : { structType }),
  };
}
