/**
 * Sequences of requests out of our own kinds and field table: writes of all sorts to a few names, so
 * that they meet; lists, watches and subresources between them.
 */
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { toYaml } from '#api/codec/yaml.ts';
import type { AnyKind } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import { apiVersionOf, type Json, type JsonObject } from '#api/meta/object.ts';
import { findType, type TypeSchema } from '#api/schema/schema.ts';
import type { Dice } from './dice.ts';
import type { FuzzRequest } from './request.ts';
import { TEMPLATES } from './templates.ts';
import { mutate, objectOf } from './values.ts';

const NAMES = ['a', 'b', 'c'];
const NAMESPACES = ['default', 'default', 'fuzz', 'a', 'nowhere'];
const SUBRESOURCES = [
  'status',
  'status',
  'scale',
  'eviction',
  'binding',
  'token',
  'approval',
  'finalize',
  'resize',
  'ephemeralcontainers',
  'log',
  'nothing',
];
const ACCEPTS = [
  'application/json',
  'application/json',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/cbor',
  '*/*',
  'text/html',
];
const SELECTORS = ['app=a', 'app!=a', 'app in (a,b)', '!app', 'app', 'a==', 'x notin (', ','];
const FIELD_SELECTORS = [
  'metadata.name=a',
  'metadata.namespace!=default',
  'spec.nodeName=',
  'status.phase=Running',
  'x=y',
  'metadata.name=a,metadata.name=b',
  '=',
  '\\',
];
const VERSIONS = ['', '0', '1', '5', '999999999', 'x', '-1', '99999999999999999999'];
const PATCH_TYPES = ['json-patch', 'merge-patch', 'strategic-merge-patch', 'apply-patch'];
const CUSTOM = 'fuzz.example.com/v1';

/** Kinds whose generated requests are interesting more often. */
const kinds: readonly AnyKind[] = [
  ...KINDS,
  ...KINDS.filter(({ kind }) => TEMPLATES[kind] !== undefined),
  ...KINDS.filter(({ kind }) => TEMPLATES[kind] !== undefined),
];

export function statefulRequest(dice: Dice): FuzzRequest {
  const target = targetOf(dice);
  const kind = dice.below(100);
  if (kind < 26) return create(dice, target);
  if (kind < 40) return update(dice, target);
  if (kind < 68) return patch(dice, target);
  if (kind < 78) return remove(dice, target);
  if (kind < 84) return { method: 'GET', url: objectUrl(dice, target), headers: headersOf(dice) };
  if (kind < 93) return list(dice, target);
  return watch(dice, target);
}

interface Target {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly type: TypeSchema | undefined;
  readonly namespace: string;
  readonly name: string;
}

function targetOf(dice: Dice): Target {
  const name = dice.chance(0.02)
    ? dice.pick(['x%2Fy', '..', '%00', 'A', 'é', 'a'.repeat(300)])
    : dice.pick(NAMES);
  const namespace = dice.pick(NAMESPACES);
  if (dice.chance(0.04))
    return {
      apiVersion: CUSTOM,
      kind: 'Widget',
      plural: 'widgets',
      type: undefined,
      namespace,
      name,
    };
  const kind = dice.pick(kinds);
  const isOwnName = kind.kind === 'CustomResourceDefinition';
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    plural: kind.plural,
    type: findType(kind.schema),
    namespace: kind.namespaced ? namespace : '',
    name: isOwnName ? 'widgets.fuzz.example.com' : name,
  };
}

function collectionUrl({ apiVersion, namespace, plural }: Target): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}${namespace === '' ? '' : `/namespaces/${namespace}`}/${plural}`;
}

function objectUrl(dice: Dice, target: Target): string {
  const url = `${collectionUrl(target)}/${target.name}`;
  return dice.chance(0.2) ? `${url}/${dice.pick(SUBRESOURCES)}` : url;
}

function headersOf(dice: Dice, contentType?: string): Record<string, string> {
  return {
    accept: dice.chance(0.7) ? 'application/json' : dice.pick(ACCEPTS),
    'user-agent': dice.pick(['fuzz', 'kubectl/v1.36', '']),
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  };
}

function writeQuery(dice: Dice, isApply = false): string {
  const query = new URLSearchParams();
  if (isApply ? dice.chance(0.97) : dice.chance(0.2))
    query.set('fieldManager', dice.pick(['one', 'two', 'three', '', '\u0000']));
  if (isApply && dice.chance(0.4)) query.set('force', dice.pick(['true', 'false', 'x']));
  if (dice.chance(0.08)) query.set('dryRun', dice.pick(['All', 'Some']));
  if (dice.chance(0.2)) query.set('fieldValidation', dice.pick(['Strict', 'Warn', 'Ignore', 'x']));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function objectFor(dice: Dice, target: Target): JsonObject {
  const template = TEMPLATES[target.kind];
  const { type } = target;
  const object: JsonObject =
    template !== undefined && dice.chance(0.85)
      ? structuredClone(template)
      : type === undefined
        ? { spec: { replicas: dice.below(5), text: 'a' } }
        : objectOf(dice, type);
  const given = object['metadata'];
  object['metadata'] = {
    ...(dice.chance(0.5) && typeof given === 'object' && !Array.isArray(given) ? given : {}),
    ...(dice.chance(0.05) ? { generateName: target.name } : { name: target.name }),
    ...(target.namespace === '' ? {} : { namespace: target.namespace }),
    ...(dice.chance(0.3) ? { labels: { app: dice.pick(NAMES) } } : {}),
    ...(dice.chance(0.2) ? { resourceVersion: dice.pick(['@version', '@version', '1', '']) } : {}),
    ...(dice.chance(0.05) ? { finalizers: ['example.com/hold'] } : {}),
  };
  object['kind'] = target.kind;
  object['apiVersion'] = target.apiVersion;
  if (type !== undefined && dice.chance(0.5)) mutate(dice, type, object);
  return object;
}

/** Bytes of `object` in one of the forms, sometimes damaged. */
function encoded(
  dice: Dice,
  target: Target,
  object: JsonObject,
): { type: string; body: Uint8Array } {
  const form = dice.below(20);
  if (form < 3)
    return { type: 'application/yaml', body: damaged(dice, Buffer.from(toYaml(object))) };
  if (form < 6 && target.type !== undefined) {
    const binary = protobufOf(target, object);
    if (binary !== undefined)
      return { type: 'application/vnd.kubernetes.protobuf', body: damaged(dice, binary) };
  }
  return { type: 'application/json', body: damaged(dice, Buffer.from(JSON.stringify(object))) };
}

/** Undefined for a value that the encoder cannot take, because its fields have wrong types. */
function protobufOf(
  { type, apiVersion, kind }: Target,
  object: JsonObject,
): Uint8Array | undefined {
  if (type === undefined) return undefined;
  try {
    return encodeEnvelope(apiVersion, kind, encodeProtobuf(type, object));
  } catch {
    return undefined;
  }
}

function damaged(dice: Dice, bytes: Uint8Array): Uint8Array {
  if (!dice.chance(0.04) || bytes.length === 0) return bytes;
  const copy = Uint8Array.from(bytes);
  for (let times = 1 + dice.below(4); times > 0; times--)
    copy[dice.below(copy.length)] = dice.below(256);
  return dice.chance(0.2) ? copy.subarray(0, dice.below(copy.length)) : copy;
}

const WITH_BODY = ['eviction', 'binding', 'token', 'scale'];
const BODY_KINDS: Readonly<Record<string, string>> = {
  eviction: 'Eviction',
  binding: 'Binding',
  token: 'TokenRequest',
  scale: 'Scale',
};

function create(dice: Dice, target: Target): FuzzRequest {
  if (dice.chance(0.08)) {
    const subresource = dice.pick(WITH_BODY);
    const kind = BODY_KINDS[subresource] ?? '';
    const body = { ...structuredClone(TEMPLATES[kind] ?? {}), metadata: { name: target.name } };
    return {
      method: 'POST',
      url: `${collectionUrl(target)}/${target.name}/${subresource}${writeQuery(dice)}`,
      headers: headersOf(dice, 'application/json'),
      body: damaged(dice, Buffer.from(JSON.stringify(body))),
    };
  }
  const { type, body } = encoded(dice, target, objectFor(dice, target));
  return {
    method: 'POST',
    url: `${collectionUrl(target)}${writeQuery(dice)}`,
    headers: headersOf(dice, type),
    body,
  };
}

function update(dice: Dice, target: Target): FuzzRequest {
  const { type, body } = encoded(dice, target, objectFor(dice, target));
  return {
    method: 'PUT',
    url: `${objectUrl(dice, target)}${writeQuery(dice)}`,
    headers: headersOf(dice, type),
    body,
  };
}

function patch(dice: Dice, target: Target): FuzzRequest {
  const form = dice.pick(PATCH_TYPES);
  const isApply = form === 'apply-patch';
  const value: Json =
    form === 'json-patch' ? jsonPatch(dice, target) : patchObject(dice, target, form);
  const text = isApply && dice.chance(0.3) ? toYaml(value) : JSON.stringify(value);
  return {
    method: 'PATCH',
    url: `${objectUrl(dice, target)}${writeQuery(dice, isApply)}`,
    headers: headersOf(dice, `application/${form}+${isApply ? 'yaml' : 'json'}`),
    body: damaged(dice, Buffer.from(text)),
  };
}

function patchObject(dice: Dice, target: Target, form: string): JsonObject {
  const object = objectFor(dice, target);
  if (form === 'apply-patch') return object;
  delete object['kind'];
  delete object['apiVersion'];
  if (dice.chance(0.7)) delete object['metadata'];
  if (form === 'strategic-merge-patch' && dice.chance(0.5)) addDirectives(dice, object);
  return object;
}

const DIRECTIVES: readonly (readonly [string, Json])[] = [
  ['$patch', 'delete'],
  ['$patch', 'replace'],
  ['$patch', 'merge'],
  ['$patch', 'x'],
  ['$patch', 1],
  ['$retainKeys', ['name']],
  ['$retainKeys', 'x'],
  ['$setElementOrder/containers', [{ name: 'main' }]],
  ['$setElementOrder/ports', [1]],
  ['$setElementOrder/finalizers', ['a']],
  ['$deleteFromPrimitiveList/finalizers', ['example.com/hold']],
  ['$deleteFromPrimitiveList/args', 'x'],
  ['$deleteFromPrimitiveList/', null],
];

function addDirectives(dice: Dice, value: Json): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) addDirectives(dice, item);
    return;
  }
  for (const item of Object.values(value)) addDirectives(dice, item ?? null);
  if (!dice.chance(0.25)) return;
  const [key, directive] = dice.pick(DIRECTIVES);
  // A copy: what is inside may get directives of its own.
  value[key] = structuredClone(directive);
}

const POINTERS = [
  '',
  '/',
  '/metadata/labels/app',
  '/metadata/annotations/a~1b',
  '/spec',
  '/spec/replicas',
  '/spec/containers/0',
  '/spec/containers/-',
  '/spec/containers/99',
  '/spec/template/spec/containers/0/image',
  '/metadata/name',
  '/metadata/finalizers',
  '/data/a',
  '/status',
  '/~2',
  '/__proto__/x',
  '/constructor/prototype/y',
  '/metadata/resourceVersion',
  '/kind',
  'x',
];

function jsonPatch(dice: Dice, target: Target): Json {
  if (dice.chance(0.03)) return dice.pick<Json>([{}, null, 'x', [1], [null], [{}], [[]]]);
  return Array.from({ length: 1 + dice.below(4) }, () => {
    const op = dice.pick(['add', 'add', 'replace', 'remove', 'copy', 'move', 'test', 'x']);
    const value = dice.chance(0.5)
      ? dice.pick<Json>([1, 'a', null, {}, [], true])
      : (objectFor(dice, target)['spec'] ?? null);
    return {
      op,
      path: dice.pick(POINTERS),
      ...(dice.chance(0.9) ? { value, from: dice.pick(POINTERS) } : {}),
    };
  });
}

function remove(dice: Dice, target: Target): FuzzRequest {
  const options = {
    ...(dice.chance(0.5) ? { gracePeriodSeconds: dice.pick([0, 1, 30, -1, 'x']) } : {}),
    ...(dice.chance(0.3)
      ? { propagationPolicy: dice.pick(['Orphan', 'Foreground', 'Background', 'x']) }
      : {}),
    ...(dice.chance(0.1) ? { orphanDependents: true } : {}),
    ...(dice.chance(0.1)
      ? { preconditions: { uid: '@uid', resourceVersion: dice.pick(['@version', '1']) } }
      : {}),
    ...(dice.chance(0.1) ? { dryRun: dice.pick([['All'], ['x'], 'All']) } : {}),
  };
  const isCollection = dice.chance(0.1);
  const url = isCollection ? `${collectionUrl(target)}${listQuery(dice)}` : objectUrl(dice, target);
  if (dice.chance(0.3)) return { method: 'DELETE', url, headers: headersOf(dice) };
  return {
    method: 'DELETE',
    url,
    headers: headersOf(
      dice,
      dice.pick(['application/json', 'application/json', 'application/yaml', 'text/plain']),
    ),
    body: damaged(dice, Buffer.from(JSON.stringify(options))),
  };
}

function listQuery(dice: Dice, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(more);
  const maybe = (name: string, values: readonly string[], chance: number): void => {
    if (dice.chance(chance)) query.set(name, dice.pick(values));
  };
  maybe('labelSelector', SELECTORS, 0.2);
  maybe('fieldSelector', FIELD_SELECTORS, 0.2);
  maybe('limit', ['1', '2', '0', '-1', 'x', '9999999999'], 0.3);
  maybe('resourceVersion', VERSIONS, 0.25);
  maybe('resourceVersionMatch', ['Exact', 'NotOlderThan', 'x'], 0.15);
  maybe(
    'continue',
    [
      'x',
      Buffer.from('{"v":"meta.k8s.io/v1","rv":2,"start":"a"}').toString('base64'),
      'eyJ2IjoxfQ==',
    ],
    0.08,
  );
  maybe('pretty', ['true', 'false', 'x'], 0.05);
  maybe('timeoutSeconds', ['1', '0', '-1', 'x'], 0.1);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function list(dice: Dice, target: Target): FuzzRequest {
  const everywhere = dice.chance(0.3) ? { ...target, namespace: '' } : target;
  return {
    method: 'GET',
    url: `${collectionUrl(everywhere)}${listQuery(dice)}`,
    headers: headersOf(dice),
  };
}

function watch(dice: Dice, target: Target): FuzzRequest {
  const query = {
    watch: dice.pick(['1', 'true', 'x']),
    ...(dice.chance(0.5) ? { allowWatchBookmarks: 'true' } : {}),
    ...(dice.chance(0.2)
      ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
      : {}),
  };
  return {
    method: 'GET',
    url: `${collectionUrl(target)}${listQuery(dice, query)}`,
    headers: headersOf(dice),
    abortAfterMs: dice.below(2) * 50,
  };
}
