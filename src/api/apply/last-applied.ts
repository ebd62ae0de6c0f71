/**
 * The annotation of client-side apply, where it meets server-side apply: `kubectl` may take over
 * without conflict what it last applied from its own side, and keeps the annotation up to date.
 *
 * Source: upstream managedfields/internal/lastappliedmanager.go and lastappliedupdater.go.
 */
import { type Json, type JsonObject } from '../meta/object.ts';
import { isJsonObject } from '../meta/json.ts';
import type { FieldType } from '../schema/types.ts';
import { canonicalJson } from '../structural/canonical-json.ts';
import { compare } from './compare.ts';
import { difference, type FieldSet } from './field-set.ts';
import { toFieldSet } from './to-set.ts';
import { validateValue } from './validate.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Bytes that all annotations of an object may have together. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

function annotationsOf(object: JsonObject): JsonObject | undefined {
  const metadata = object['metadata'];
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : undefined;
  return isJsonObject(annotations) ? annotations : undefined;
}

function lastAppliedOf(object: JsonObject): string {
  const text = annotationsOf(object)?.[LAST_APPLIED];
  return typeof text === 'string' ? text : '';
}

export function hasLastApplied(object: JsonObject): boolean {
  return lastAppliedOf(object) !== '';
}

/**
 * The fields of the last client-side apply that still have the values it gave them. Undefined when
 * there was none, or one of another version, or one that does not fit the type.
 */
export function fieldsStillApplied(
  type: FieldType,
  live: JsonObject,
  apiVersion: string,
): FieldSet | undefined {
  const last = parseLastApplied(lastAppliedOf(live));
  if (
    last === undefined ||
    last['apiVersion'] !== apiVersion ||
    validateValue(type, last).length > 0
  )
    return undefined;
  const { removed, changed } = compare(type, last, live);
  return difference(difference(toFieldSet(type, last), changed), removed);
}

function parseLastApplied(text: string): JsonObject | undefined {
  if (text === '') return undefined;
  try {
    const value = JSON.parse(text) as Json;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `object` with the annotation set to `applied`, or without it when it would be too large. */
export function withLastApplied(object: JsonObject, applied: JsonObject): JsonObject {
  const annotations: JsonObject = { ...annotationsOf(object) };
  annotations[LAST_APPLIED] = `${canonicalJson(withoutAnnotation(applied))}\n`;
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) =>
      sum + Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : 0),
    0,
  );
  if (bytes > ANNOTATIONS_BYTES_MAX) delete annotations[LAST_APPLIED];
  const metadata = object['metadata'];
  return { ...object, metadata: { ...(isJsonObject(metadata) ? metadata : {}), annotations } };
}

function withoutAnnotation(applied: JsonObject): JsonObject {
  const annotations = annotationsOf(applied);
  const metadata = applied['metadata'];
  if (annotations === undefined || !isJsonObject(metadata)) return applied;
  const { [LAST_APPLIED]: _, ...rest } = annotations;
  return { ...applied, metadata: { ...metadata, annotations: rest } };
}
