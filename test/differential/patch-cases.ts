/** Patches of stored objects in all four forms. All dry runs. */
import type { AnyKind } from '#api/kind.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { typeByName } from '#api/schema/schema.ts';
import { kindLabel, objectUrl, resourceLabel } from './kind-urls.ts';
import type { Case } from './model.ts';
import { nameOf, objectsOf } from './objects.ts';
import { isUpdatable } from './update-cases.ts';
import { changed } from './values.ts';
import { type Place, placesOf, type Step } from './walk.ts';

const TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;
type PatchName = keyof typeof TYPES;

export function patchCases(kind: AnyKind): Case[] {
  if (!isUpdatable(kind)) return [];
  const type = typeByName(kind.schema);
  return objectsOf(kind).flatMap((object) => {
    const ask = asker(kind, nameOf(object));
    const places = placesOf(object, type).filter(({ value }) => value !== undefined);
    return [
      ...general(ask),
      ...places.flatMap((place) => [...jsonPatches(ask, place), ...mergePatches(ask, place)]),
      ...applies(ask, object, places),
    ];
  });
}

type Ask = (form: PatchName, what: string, body: Json, query?: string) => Case;

function general(ask: Ask): Case[] {
  const label = { metadata: { labels: { patched: 'yes' } } };
  return [
    ...(['merge', 'strategic'] as const).flatMap((form) => [
      ask(form, 'empty', {}),
      ask(form, 'a label', label),
      ask(form, 'a bad label', { metadata: { labels: { 'Bad Key!': 'x' } } }),
      ask(form, 'null labels', { metadata: { labels: null } }),
      ask(form, 'another name', { metadata: { name: 'another' } }),
      ask(form, 'another uid', { metadata: { uid: 'another' } }),
      ask(form, 'its uid', { metadata: { uid: '$uid' } }),
      ask(form, 'an old resourceVersion', { metadata: { resourceVersion: '1' } }),
      ask(form, 'an unknown field, strict', { unknownField: 1 }, '&fieldValidation=Strict'),
      ask(form, 'an unknown field', { unknownField: 1 }),
      ask(form, 'a list', []),
      ask(form, 'no JSON', '{'),
      ask(form, 'another kind', { kind: 'Other' }),
      ask(form, 'a finalizer', { metadata: { finalizers: ['example.com/f'] } }),
      ask(form, 'an own manager', label, '&fieldManager=me'),
      ask(form, 'force', label, '&force=true'),
    ]),
    ask('strategic', 'deletes metadata by directive', {
      metadata: { labels: { $patch: 'replace', only: 'this' } },
    }),
    ask('strategic', 'a bad directive', { metadata: { labels: { $patch: 'bad' } } }),
    ask('json', 'empty', []),
    ask('json', 'no list', {}),
    ask('json', 'a label', [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]),
    ask('json', 'a test that fails', [{ op: 'test', path: '/metadata/name', value: 'other' }]),
    ask('json', 'a test that holds', [{ op: 'test', path: '/kind', value: 'Other' }]),
    ask('json', 'removes what is not there', [{ op: 'remove', path: '/none' }]),
    ask('json', 'adds below what is not there', [{ op: 'add', path: '/none/below', value: 1 }]),
    ask('json', 'a bad op', [{ op: 'bad', path: '/a' }]),
    ask('json', 'a bad path', [{ op: 'add', path: 'a', value: 1 }]),
    ask('json', 'moves', [{ op: 'move', from: '/metadata/annotations', path: '/metadata/labels' }]),
    ask('json', 'copies', [{ op: 'copy', from: '/metadata/name', path: '/metadata/generateName' }]),
    ask('json', 'replaces the whole', [{ op: 'replace', path: '', value: {} }]),
    ask('json', 'another name', [{ op: 'replace', path: '/metadata/name', value: 'another' }]),
  ];
}

function jsonPatches(ask: Ask, place: Place): Case[] {
  const path = place.path
    .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
  const other = changed(place.type, place.value ?? null);
  return [
    ask('json', `remove ${place.shape}`, [{ op: 'remove', path }]),
    ...(other === undefined
      ? [ask('json', `null ${place.shape}`, [{ op: 'replace', path, value: null }])]
      : [ask('json', `replace ${place.shape}`, [{ op: 'replace', path, value: other }])]),
  ];
}

function mergePatches(ask: Ask, place: Place): Case[] {
  // A merge patch cannot name an element of a list.
  const isInList = place.path.some((step) => typeof step === 'number');
  const other = changed(place.type, place.value ?? null);
  const body = (value: Json): Json => nested(place.path, value);
  const strategic = [
    ask('strategic', `null ${place.shape}`, body(null)),
    ...(place.type.kind === 'list' && Array.isArray(place.value)
      ? [
          ask('strategic', `the first item of ${place.shape}`, body(place.value.slice(0, 1))),
          ask('strategic', `replace ${place.shape}`, body([{ $patch: 'replace' }])),
        ]
      : []),
    ...(other === undefined ? [] : [ask('strategic', `set ${place.shape}`, body(other))]),
  ];
  if (isInList) return strategic.slice(0, 1);
  return [
    ...strategic,
    ask('merge', `null ${place.shape}`, body(null)),
    ...(other === undefined ? [] : [ask('merge', `set ${place.shape}`, body(other))]),
  ];
}

function applies(ask: Ask, object: JsonObject, places: readonly Place[]): Case[] {
  const head = { apiVersion: object['apiVersion'] ?? null, kind: object['kind'] ?? null };
  const { status: _, ...whole } = object;
  const query = '&fieldManager=applier';
  return [
    ask('apply', 'the whole', whole, query),
    ask('apply', 'the whole by force', whole, `${query}&force=true`),
    ask('apply', 'without a manager', whole),
    ask(
      'apply',
      'a label',
      { ...head, metadata: { name: nameOf(object), labels: { a: 'b' } } },
      query,
    ),
    ask('apply', 'nothing', head, query),
    ask('apply', 'without kind', { metadata: {} }, query),
    ask('apply', 'an unknown field', { ...head, unknownField: 1 }, query),
    ask(
      'apply',
      'managedFields',
      { ...head, metadata: { managedFields: [{ manager: 'a' }] } },
      query,
    ),
    ask('apply', 'an old resourceVersion', { ...head, metadata: { resourceVersion: '1' } }, query),
    ask('apply', 'a bad field validation', whole, `${query}&fieldValidation=Bad`),
    ...places.flatMap((place) => {
      const other = changed(place.type, place.value ?? null);
      if (other === undefined || place.path.some((step) => typeof step === 'number')) return [];
      const body = { ...head, ...(nested(place.path, other) as JsonObject) };
      return [
        ask('apply', `${place.shape} changed`, body, query),
        ask('apply', `${place.shape} changed by force`, body, `${query}&force=true`),
      ];
    }),
  ];
}

/** `{a: {b: [value]}}`: list elements become lists of one. */
function nested(path: readonly Step[], value: Json): Json {
  return path.reduceRight<Json>(
    (inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }),
    value,
  );
}

function asker(kind: AnyKind, name: string): Ask {
  return (form, what, body, query = '') => ({
    id: `${resourceLabel(kind)}: ${form} patch of ${name}: ${what}${query}`,
    kind: kindLabel(kind),
    requests: [
      {
        method: 'PATCH',
        url: `${objectUrl(kind, name)}?dryRun=All${query}`,
        headers: { 'content-type': TYPES[form] },
        body,
      },
    ],
  });
}
