/**
 * Bodies of requests and answers as JSON on one line, whatever form they have on the wire. (CBOR is
 * JSON behind `filters/cbor.ts`, and no answer is compressed yet where this is asked.)
 */
import type { Body } from '#base/http/message.ts';
import { decodeEnvelope, decodeProtobuf } from '#api/codec/protobuf.ts';
import { fromYamlBytes } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { type Json, type JsonObject, parseApiVersion } from '#api/meta/object.ts';
import { findType, typeForKind } from '#api/schema/schema.ts';
import { MEDIA_TYPES } from '../negotiate.ts';

export interface BodyText {
  /** JSON without a line break. */
  readonly text: string;
  /** The same, read; undefined where nobody had to read it. */
  readonly value?: Json;
}

const META_SCHEMAS = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

export interface BodyOptions {
  readonly omitManagedFields?: boolean;
  /** This server has written it: JSON is JSON. What a client sent is read before it is believed. */
  readonly isOwn?: boolean;
}

/** Undefined for what is no object of the API. `contentType` may have parameters. */
export function bodyText(
  bytes: Uint8Array,
  contentType: string,
  options: BodyOptions = {},
): BodyText | undefined {
  const media = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  const text = textOf(bytes, media, options.isOwn === true);
  if (text === undefined) return undefined;
  if (options.omitManagedFields !== true || !text.text.includes('"managedFields"')) return text;
  const value = text.value ?? (JSON.parse(text.text) as Json);
  dropManagedFields(value);
  return { text: JSON.stringify(value), value };
}

function textOf(bytes: Uint8Array, media: string, isOwn: boolean): BodyText | undefined {
  try {
    if (media === MEDIA_TYPES.protobuf) return fromValue(decodedBinary(bytes));
    if (media.endsWith('yaml')) return fromValue(fromYamlBytes(bytes));
    if (media === '' || media.endsWith('json')) return jsonText(bytes, isOwn);
    return undefined;
  } catch {
    // What cannot be read is refused by whoever reads it for its meaning.
    return undefined;
  }
}

function fromValue(value: Json | undefined): BodyText | undefined {
  return value === undefined ? undefined : { text: JSON.stringify(value), value };
}

function jsonText(bytes: Uint8Array, isOwn: boolean): BodyText | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString().trim();
  if (text === '') return undefined;
  const isOneLine = !/[\r\n]/.test(text);
  if (isOwn && isOneLine) return { text };
  const value = JSON.parse(text) as Json;
  return isOneLine ? { text, value } : fromValue(value);
}

function decodedBinary(bytes: Uint8Array): JsonObject | undefined {
  const envelope = decodeEnvelope(bytes);
  if (envelope === undefined) return undefined;
  const { apiVersion, kind, raw } = envelope;
  const { group, version } = parseApiVersion(apiVersion);
  const type = typeForKind(group, version, kind) ?? findType(`${META_SCHEMAS}${kind}`);
  if (type === undefined) return undefined;
  return { kind, apiVersion, ...decodeProtobuf(type, raw) };
}

/** Of an object, of the items of a list, of the objects in the rows of a Table. Changes `value`. */
export function dropManagedFields(value: Json): void {
  if (!isJsonObject(value)) return;
  dropOwn(value);
  for (const item of listOf(value['items'])) dropOwn(item);
  for (const row of listOf(value['rows'])) if (isJsonObject(row)) dropOwn(row['object']);
}

function dropOwn(value: Json | undefined): void {
  if (value === undefined || !isJsonObject(value)) return;
  const { metadata } = value;
  if (metadata !== undefined && isJsonObject(metadata)) delete metadata['managedFields'];
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/**
 * A body that has been looked at: its bytes, and the body to send instead, because pieces are read
 * once. Undefined for what comes as a stream.
 */
export function wholeBody(body: Body | undefined): { bytes: Uint8Array; body: Body } | undefined {
  if (body?.kind === 'bytes') return { bytes: body.bytes, body };
  if (body?.kind !== 'pieces') return undefined;
  const bytes = Buffer.concat([...body.pieces], body.length);
  return { bytes, body: { kind: 'bytes', bytes } };
}
