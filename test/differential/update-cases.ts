/** Updates of objects that are stored: each field changed, taken away, made invalid. All dry runs. */
import type { AnyKind } from '#api/kind.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { typeByName } from '#api/schema/schema.ts';
import { kindLabel, objectUrl, resourceLabel } from './kind-urls.ts';
import { metadataMutations } from './metadata.ts';
import type { Case } from './model.ts';
import { nameOf, objectsOf } from './objects.ts';
import { additionsOf, changed, type Mutation, mutationsOf } from './values.ts';
import { type Place, placesOf, withValue } from './walk.ts';

/** Of the mutations that a create is asked with, an update is asked with these. */
const UPDATE_LABELS = new Set([
  'missing',
  'empty',
  'with a duplicate',
  '= ""',
  '= -1',
  '= "Bad_Value!"',
  'of 0 items',
  'reversed',
  '= "Bad"',
  '= true',
  '= false',
  '= "x"',
]);

export function isUpdatable(kind: AnyKind): boolean {
  return kind.verbs.includes('update');
}

export function updateCases(kind: AnyKind): Case[] {
  if (!isUpdatable(kind)) return [];
  const type = typeByName(kind.schema);
  return objectsOf(kind).flatMap((object, index) => {
    const name = nameOf(object);
    const ask = asker(kind, name);
    const versioned = withVersion(object);
    const places = placesOf(versioned, type).filter(({ shape }) => !/^status\b/.test(shape));
    return [
      ask('with nothing changed', versioned),
      ask('without resourceVersion', object),
      ask('with an old resourceVersion', withMeta(object, { resourceVersion: '1' })),
      ask('with a bad resourceVersion', withMeta(object, { resourceVersion: 'x' })),
      ask('with another uid', withMeta(versioned, { uid: 'another' })),
      ask('with its uid', withMeta(versioned, { uid: '$uid' })),
      ask('with another name', withMeta(versioned, { name: 'another' })),
      ...places.flatMap((place) =>
        tries(place).map(({ label, value }) =>
          ask(`${place.shape} ${label}`, withValue(versioned, place.path, value)),
        ),
      ),
      ...(index === 0
        ? metadataMutations(versioned).map(({ label, object: next }) =>
            ask(`metadata ${label}`, next),
          )
        : []),
    ];
  });
}

/** PUTs to the status: each of its fields changed; what lies outside must stay. */
export function statusCases(kind: AnyKind): Case[] {
  if (kind.hasStatus !== true) return [];
  const type = typeByName(kind.schema);
  return objectsOf(kind).flatMap((object) => {
    const ask = asker(kind, nameOf(object), 'status');
    const versioned = withVersion(object);
    const places = placesOf(versioned, type).filter(({ shape }) => /^status\b/.test(shape));
    const spec = object['spec'];
    return [
      ask('as it is', versioned),
      ask(
        'with labels',
        withMeta(versioned, { labels: { added: 'label' }, annotations: { a: 'b' } }),
      ),
      ask('with a finalizer', withMeta(versioned, { finalizers: ['example.com/f'] })),
      ask('without spec', { ...versioned, spec: {} }),
      ask('with another spec', {
        ...versioned,
        spec: { ...(isJsonObject(spec) ? spec : {}), unknown: 1 },
      }),
      ...places.flatMap((place) =>
        everyTry(place).map(({ label, value }) =>
          ask(`${place.shape} ${label}`, withValue(versioned, place.path, value)),
        ),
      ),
    ];
  });
}

function tries(place: Place): Mutation[] {
  if (place.value === undefined) return additionsOf(lastName(place), place.type).slice(0, 1);
  const other = changed(place.type, place.value);
  const changes = other === undefined ? [] : [{ label: 'changed', value: other }];
  const all = mutationsOf(place.type, place.value).filter(({ label }) => UPDATE_LABELS.has(label));
  return [...changes, ...all];
}

function everyTry(place: Place): Mutation[] {
  if (place.value === undefined) return additionsOf(lastName(place), place.type);
  return mutationsOf(place.type, place.value);
}

function lastName(place: Place): string {
  return String(place.path.findLast((step) => typeof step === 'string') ?? '');
}

export function withMeta(object: JsonObject, members: JsonObject): JsonObject {
  const { metadata } = object;
  return { ...object, metadata: { ...(isJsonObject(metadata) ? metadata : {}), ...members } };
}

export function withVersion(object: JsonObject): JsonObject {
  return withMeta(object, { resourceVersion: '$resourceVersion' });
}

function asker(kind: AnyKind, name: string, subresource = '') {
  const view = subresource === '' ? '' : `/${subresource}`;
  const url = `${objectUrl(kind, name)}${view}?dryRun=All`;
  return (what: string, body: Json): Case => ({
    id: `${resourceLabel(kind)}${view}: update ${name}: ${what}`,
    kind: kindLabel(kind),
    requests: [{ method: 'PUT', url, body }],
  });
}
