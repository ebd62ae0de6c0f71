/**
 * Puts objects of another cluster into a store as they are: with their uids, times, generations,
 * statuses, managers, owners and finalizers, as if this server had stored them itself. An API server
 * that starts on the store afterwards finds them as after a restart.
 *
 * Nothing is validated or admitted: the other server has done that. Fields that an older server did not
 * know get their defaults, as upstream gives them to what it reads from its store.
 */
import { chosenKinds } from '#api/chosen-kinds.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf, type KubeObject, parseApiVersion } from '#api/meta/object.ts';
import { CUSTOM_DOCUMENT, documentTypeOf } from '#api/schema/kind-types.ts';
import { typeByName } from '#api/schema/schema.ts';
import { BATCH_WRITES_MAX, type Store } from '#store/store.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from './admission/targets.ts';
import { storagePrefixOf } from './custom-resources/definitions.ts';
import { storedBytes } from './watch-cache/entry.ts';
import { REGISTRY } from './watch-cache/hub.ts';

/** What an object needs to get into the store. */
interface Place {
  readonly storagePrefix: string;
  readonly namespaced: boolean;
  /** Written in this turn: what a definition converts when it is read comes before the definition. */
  readonly turn: 0 | 1 | 2;
  bytes(object: KubeObject): Uint8Array;
}

/**
 * Imports `objects`, each with its apiVersion and kind, into a store that no server has opened.
 * Custom resources need their definitions among them. Answers those of kinds that are not known.
 */
export async function importObjects(
  store: Store,
  objects: Iterable<KubeObject>,
  gates: FeatureGates,
): Promise<KubeObject[]> {
  const all = [...objects];
  const places = placesOf(all, gates);
  const unknown: KubeObject[] = [];
  const turns: { readonly place: Place; readonly object: KubeObject }[][] = [[], [], []];
  for (const object of all) {
    const place = places.get(typeKey(object));
    if (place === undefined) unknown.push(object);
    else turns[place.turn]?.push({ place, object });
  }
  for (const turn of turns)
    for (let from = 0; from < turn.length; from += BATCH_WRITES_MAX) {
      const writes = turn.slice(from, from + BATCH_WRITES_MAX).map(({ place, object }) => ({
        type: 'put' as const,
        key: keyIn(place, object),
        value: place.bytes(object),
      }));
      await store.batch(writes);
    }
  return unknown;
}

function typeKey({ apiVersion = '', kind = '' }: KubeObject): string {
  return `${apiVersion} ${kind}`;
}

function keyIn({ storagePrefix, namespaced }: Place, { metadata }: KubeObject): string {
  const scope = namespaced ? `${metadata?.namespace ?? ''}/` : '';
  return `${REGISTRY}${storagePrefix}/${scope}${metadata?.name ?? ''}`;
}

/** By apiVersion and kind. */
function placesOf(objects: readonly KubeObject[], gates: FeatureGates): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const kind of chosenKinds(gates))
    places.set(`${apiVersionOf(kind)} ${kind.kind}`, builtInPlace(kind));
  const { group } = CUSTOM_RESOURCE_DEFINITIONS;
  const definitions = objects.filter(
    ({ apiVersion = '', kind }) =>
      kind === 'CustomResourceDefinition' && parseApiVersion(apiVersion).group === group,
  );
  for (const definition of definitions) customPlaces(definition, places);
  return places;
}

function builtInPlace(kind: AnyKind): Place {
  const { storedAs, storagePrefix, namespaced } = kind;
  return {
    storagePrefix,
    namespaced,
    turn: 1,
    bytes: (given) => {
      const object = structuredClone(given);
      kind.setDefaults?.(object);
      return storedAs === undefined
        ? storedBytes(documentTypeOf(kind), object)
        : storedBytes(typeByName(storedAs.schema), storedAs.toStored(object));
    },
  };
}

/** In the version that is stored objects are read as they lie there; in others they are converted. */
function customPlaces(definition: CustomResourceDefinition, places: Map<string, Place>): void {
  const { spec, status } = definition;
  for (const version of spec?.versions ?? []) {
    const apiVersion = apiVersionOf({ group: spec?.group ?? '', version: version.name });
    const kind = status?.acceptedNames.kind ?? spec?.names.kind ?? '';
    places.set(`${apiVersion} ${kind}`, {
      storagePrefix: storagePrefixOf(definition),
      namespaced: spec?.scope === 'Namespaced',
      turn: version.storage ? 2 : 0,
      bytes: (object) => storedBytes(CUSTOM_DOCUMENT, object),
    });
  }
}
