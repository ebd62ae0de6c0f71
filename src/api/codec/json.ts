/**
 * JSON into objects of a type, as upstream's strict decoder does: types are checked, unknown fields
 * are dropped and reported, duplicate fields reported, numbers and times made canonical, null and
 * zeros that Go cannot tell from nothing taken for absent, and Go's zero values filled in
 * (`./zero.ts`). Empty lists and maps stay: defaults look whether they were sent.
 *
 * One pass over the object, in place. Upstream: sigs.k8s.io/json and
 * apimachinery/pkg/runtime/serializer/json, v0.36; KEP-2885 (field validation).
 */
import type { JsonObject } from '../meta/object.ts';
import type { TypeSchema } from '../schema/types.ts';
import { isShared } from './known-text.ts';
import { DecodeContext, FieldDecodeError, objectDecoderFor } from './json-decode.ts';
import { explainJson, JSON_DEPTH_MAX, JsonSyntaxError, measureJson } from './json-scan.ts';
import { withoutUnknown } from './json-skip.ts';

export { FieldDecodeError } from './json-decode.ts';

/** What becomes of unknown and duplicate fields: `Ignore` saves the search for them. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Decoded {
  readonly object: JsonObject;
  /** `unknown field "spec.foo"`, `duplicate field "spec.replicas"`; empty with `Ignore`. */
  readonly problems: readonly string[];
  /** Whether `forgetEmpty` has something to do after defaults. */
  readonly hasEmpty: boolean;
}

/** A text with more is looked through for what need not be parsed: that costs less than the values. */
const MANY_VALUES = 20_000;
/** Problems reported beyond this are dropped. */
const PROBLEMS_MAX = 100;

/**
 * Decodes bytes of JSON, or a value that was parsed from YAML or made by a patch. A parsed value is
 * copied, never changed. The object returned is the caller's.
 *
 * Throws FieldDecodeError: with `malformed` when the bytes are no JSON, else when a value has not
 * the type of its field. The messages are upstream's.
 */
export function decodeJson(
  value: Uint8Array | JsonObject,
  type: TypeSchema,
  validation: FieldValidation,
): Decoded {
  if (!(value instanceof Uint8Array)) {
    const context = new DecodeContext(validation !== 'Ignore');
    const object = objectDecoderFor(type).root(copyJson(value, 0), context);
    return decodedOf(object, context);
  }
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const measured = measureJson(value);
  if (measured.depth > JSON_DEPTH_MAX) explainAndFail(buffer);
  const { text, keys } =
    measured.values > MANY_VALUES
      ? withoutUnknown(value, type, measured)
      : { text: buffer.toString(), keys: measured.keys };
  const context = new DecodeContext(validation !== 'Ignore', keys);
  const parsed = parseText(text, buffer);
  // Go leaves an object as it is when null is read into it.
  const object = objectDecoderFor(type).root(parsed ?? {}, context);
  // JSON.parse keeps the last of equal keys; fewer keys in the object than in the text mean that
  // some came twice.
  if (validation !== 'Ignore' && context.keys < keys) {
    const duplicates = explainJson(text, type).map((path) => `duplicate field "${path}"`);
    context.problems.push(...duplicates);
  }
  return decodedOf(object, context);
}

function decodedOf(object: JsonObject, { problems, hasEmpty }: DecodeContext): Decoded {
  return { object, problems: problems.slice(0, PROBLEMS_MAX), hasEmpty };
}

/** `buffer`: what the text was made of. */
function parseText(text: string, buffer: Buffer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return explainAndFail(buffer);
  }
}

/** What is wrong with a text that is no JSON, in Go's words; undefined when it is JSON. */
export function jsonProblem(text: string): string | undefined {
  try {
    explainJson(text);
    return undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
}

/** Throws what is wrong with bytes that are no JSON, in Go's words. */
function explainAndFail(buffer: Buffer): never {
  try {
    explainJson(buffer.toString());
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new FieldDecodeError(error.message, true);
    throw error;
  }
  // Only a byte order mark is JSON to one of the two readers and none to the other.
  throw new FieldDecodeError("invalid character '\ufeff' looking for beginning of value", true);
}

/**
 * A copy of JSON without functions, dates and the like: what is no JSON is refused. Sets of fields
 * that are shared stay so.
 */
function copyJson(value: unknown, depth: number): unknown {
  if (depth > JSON_DEPTH_MAX) throw new FieldDecodeError('exceeded max depth', true);
  if (Array.isArray(value)) return value.map((item) => copyJson(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  // A spread takes over the form of the object, and "__proto__" as a member like others.
  const copy: Record<string, unknown> = { ...value };
  for (const key in copy) {
    const member = copy[key];
    if (typeof member !== 'object' || member === null) continue;
    if (key !== 'fieldsV1' || !isShared(member)) copy[key] = copyJson(member, depth + 1);
  }
  return copy;
}
