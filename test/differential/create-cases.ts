/** Creates: the objects as they are, and each of their fields changed in every way. All dry runs. */
import type { AnyKind } from '#api/kind.ts';
import type { Json } from '#api/meta/object.ts';
import { typeByName } from '#api/schema/schema.ts';
import { collectionUrl, kindLabel, resourceLabel } from './kind-urls.ts';
import { metadataMutations } from './metadata.ts';
import type { Case } from './model.ts';
import { nameOf, objectsOf } from './objects.ts';
import { additionsOf, mutationsOf } from './values.ts';
import { type Place, placesOf, withValue } from './walk.ts';

export function createCases(kind: AnyKind): Case[] {
  const type = typeByName(kind.schema);
  // What one object of the kind has tried, the next need not.
  const tried = new Set<string>();
  return objectsOf(kind).flatMap((object, index) => {
    const name = nameOf(object) || `number ${index}`;
    const ask = asker(kind, name);
    const places = placesOf(object, type).filter(({ shape, value }) => {
      const key = `${shape} ${value === undefined ? 'absent' : 'present'}`;
      return tried.has(key) ? false : tried.add(key);
    });
    return [
      ask('as it is', object),
      ...places.flatMap((place) =>
        tries(place).map(({ label, value }) =>
          ask(`${place.shape} ${label}`, withValue(object, place.path, value)),
        ),
      ),
      ...(index === 0
        ? metadataMutations(object).map(({ label, object: next }) => ask(`metadata ${label}`, next))
        : []),
    ];
  });
}

function tries(place: Place) {
  const name = String(place.path.findLast((step) => typeof step === 'string') ?? '');
  return place.value === undefined
    ? additionsOf(name, place.type)
    : mutationsOf(place.type, place.value);
}

function asker(kind: AnyKind, name: string) {
  const url = `${collectionUrl(kind)}?dryRun=All`;
  return (what: string, body: Json): Case => ({
    id: `${resourceLabel(kind)}: create ${name}: ${what}`,
    kind: kindLabel(kind),
    requests: [{ method: 'POST', url, body }],
  });
}

/** Objects with one thing unknown, twice or misspelt, and each way to treat it. */
export function fieldValidationCases(kind: AnyKind): Case[] {
  const [object] = objectsOf(kind);
  if (object === undefined) return [];
  const text = JSON.stringify(object);
  const bodies: Record<string, string> = {
    'an unknown field': `${text.slice(0, -1)},"unknownField":{"a":1}}`,
    'a field twice': `${text.slice(0, -1)},"kind":"${kind.kind}"}`,
    'a field in another case': text.replace('"metadata":', '"Metadata":'),
    'another kind': text.replace(`"kind":"${kind.kind}"`, '"kind":"Other"'),
    'another version': JSON.stringify({ ...object, apiVersion: 'v9' }),
    'no kind': JSON.stringify({ ...object, kind: undefined, apiVersion: undefined }),
    'half a body': text.slice(0, text.length / 2),
    'an empty body': '',
    'a list for a body': '[]',
  };
  return Object.entries(bodies).flatMap(([what, body]) =>
    ['', 'Strict', 'Warn', 'Ignore', 'Bad'].map((mode) => {
      const query = mode === '' ? '' : `&fieldValidation=${mode}`;
      return {
        id: `${resourceLabel(kind)}: create with ${what}, fieldValidation ${mode || 'not said'}`,
        kind: kindLabel(kind),
        requests: [{ method: 'POST', url: `${collectionUrl(kind)}?dryRun=All${query}`, body }],
      };
    }),
  );
}
