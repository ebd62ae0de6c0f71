/**
 * How an object looks in the other versions of its kind, to the managers that wrote those.
 *
 * Source: upstream v1.36 apimachinery/pkg/util/managedfields/internal/versionconverter.go.
 */
import type { ForeignVersion, ForeignVersions } from '#api/apply/managed-fields.ts';
import type { AnyKind } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import { apiVersionOf, type JsonObject, type KubeObject } from '#api/meta/object.ts';
import { OPTIONAL_KINDS } from '#api/optional-kinds.ts';
import { typeByName } from '#api/schema/schema.ts';

/** The kinds that share their stored objects, by the version that is stored. */
let families: ReadonlyMap<string, readonly AnyKind[]> | undefined;

function familyKey(kind: AnyKind): string {
  const { group, version } = kind.storedAs ?? kind;
  return `${group}/${version}/${kind.storagePrefix}`;
}

function familyOf(kind: AnyKind): readonly AnyKind[] {
  families ??= Map.groupBy([...KINDS, ...OPTIONAL_KINDS], familyKey);
  return families.get(familyKey(kind)) ?? [];
}

/** Of versions that no longer are, nothing is known. */
export function foreignVersionsOf(kind: AnyKind): ForeignVersions {
  const { custom } = kind;
  if (custom !== undefined) return (apiVersion) => custom.otherVersion(apiVersion);
  return (apiVersion) => {
    const other = familyOf(kind).find((one) => apiVersionOf(one) === apiVersion);
    return other && between(kind, other);
  };
}

function between(kind: AnyKind, other: AnyKind): ForeignVersion {
  return {
    type: typeByName(other.schema),
    toForeign: (object) => convert(object, kind, other),
    fromForeign: (object) => convert(object, other, kind),
  };
}

function convert(object: JsonObject, from: AnyKind, to: AnyKind): JsonObject {
  const given = object as unknown as KubeObject;
  const stored = from.storedAs?.toStored(given) ?? given;
  const converted = to.storedAs?.fromStored(stored) ?? stored;
  const named = { ...converted, kind: to.kind, apiVersion: apiVersionOf(to) };
  return named as unknown as JsonObject;
}
