/**
 * Who manages the replicas of an object, as managers of its scale, and the way back: what is
 * written through the scale subresource is a field of the object itself.
 *
 * Source: upstream v1.36 apimachinery/pkg/util/managedfields/scalehandler.go.
 */
import type { Json } from '../meta/object.ts';
import { decodeEntries, encodeEntries, type Entries, entryId } from './entries.ts';
import { difference, type FieldSet, hasPath, isEmptySet, LEAF } from './field-set.ts';
import { fieldElement, type PathElement } from './path-element.ts';

/** Where each version of a kind (`apps/v1`) has its replicas; undefined where it has no scale. */
export type ReplicasPaths = ReadonlyMap<string, readonly string[] | undefined>;

const SCALE_VERSION = 'autoscaling/v1';
const IN_SCALE = setOf(['spec', 'replicas']);
const IN_SCALE_PATH = elements(['spec', 'replicas']);

function elements(path: readonly string[]): PathElement[] {
  return path.map(fieldElement);
}

function setOf(path: readonly string[]): FieldSet {
  return elements(path).reduceRight<FieldSet>((below, element) => ({ [element]: below }), LEAF);
}

/** `managedFields` of a scale, of those of its object. Throws for what no server has written. */
export function scaleEntries(parent: Json | undefined, paths: ReplicasPaths): Json[] | undefined {
  const scale: Entries = new Map();
  for (const [id, entry] of decodeEntries(parent)) {
    const path = paths.get(entry.apiVersion);
    if (path !== undefined && hasPath(entry.fields, elements(path)))
      scale.set(id, { ...entry, apiVersion: SCALE_VERSION, fields: IN_SCALE });
  }
  return encodeEntries(scale);
}

/**
 * `managedFields` of an object, of what they were and those of its written scale. `apiVersion`: of
 * the request. Managers that came by the scale have no time, as upstream has it.
 */
export function parentEntries(
  parent: Json | undefined,
  scale: Json | undefined,
  { paths, apiVersion }: { readonly paths: ReplicasPaths; readonly apiVersion: string },
): Json[] | undefined {
  const before = decodeEntries(parent);
  const written = decodeEntries(scale);
  const after: Entries = new Map();
  for (const [id, entry] of before) {
    if (!paths.has(entry.apiVersion)) continue;
    const path = paths.get(entry.apiVersion);
    if (path === undefined || !hasPath(entry.fields, elements(path)) || written.delete(id)) {
      after.set(id, entry);
      continue;
    }
    const fields = difference(entry.fields, setOf(path));
    if (!isEmptySet(fields)) after.set(id, { ...entry, fields });
  }
  for (const [id, { time: _, ...entry }] of written) {
    if (!hasPath(entry.fields, IN_SCALE_PATH)) continue;
    const time = before.get(id)?.time;
    const fields = setOf(paths.get(apiVersion) ?? []);
    after.set(entryId(entry), {
      ...entry,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fields,
    });
  }
  return encodeEntries(after);
}
