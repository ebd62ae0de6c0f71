/** Request bodies as objects: content type, strictness, kind, defaults. */
import { decodeJson, FieldDecodeError } from '#api/codec/json.ts';
import { decodeEnvelope, decodeProtobuf } from '#api/codec/protobuf.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf, type JsonObject, parseApiVersion } from '#api/meta/object.ts';
import { badRequest, kindMismatch, unsupportedMediaType } from '#api/meta/status.ts';
import { typeByName, type TypeSchema } from '#api/schema/schema.ts';
import type { ApiObject } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import { MEDIA_TYPES } from '../negotiate.ts';
import type { FieldValidation } from './options.ts';

function mediaType(context: RequestContext): string {
  return (context.header('content-type').split(';')[0] ?? '').trim().toLowerCase();
}

/** The object of a write, with its defaults. */
export function decodeObject(
  context: RequestContext,
  kind: AnyKind,
  validation: FieldValidation,
): ApiObject {
  const bytes = context.request.body ?? new Uint8Array(0);
  const media = mediaType(context);
  const type = typeByName(kind.schema);
  if (media === MEDIA_TYPES.protobuf) return decodeBinary(bytes, kind, type);
  if (media === MEDIA_TYPES.yaml || media === 'text/yaml') {
    return decodeParsed(context, { value: yamlObject(bytes), kind, type, validation });
  }
  if (media !== '' && media !== MEDIA_TYPES.json)
    throw unsupportedMediaType(media, Object.values(MEDIA_TYPES));
  return decodeParsed(context, { value: bytes, kind, type, validation });
}

interface Decoding {
  /** Bytes of JSON, or what a YAML or patch gave. */
  readonly value: Uint8Array | JsonObject;
  readonly kind: AnyKind;
  readonly type: TypeSchema;
  readonly validation: FieldValidation;
}

/** Checks fields against the schema, sets defaults. What is unknown is pruned and reported. */
export function decodeParsed(
  context: RequestContext,
  { value, kind, type, validation }: Decoding,
): ApiObject {
  const { object, problems } = readJson(value, type, kind, validation);
  report(context, kind, problems, validation);
  return finish(object, kind);
}

function readJson(
  value: Uint8Array | JsonObject,
  type: TypeSchema,
  kind: AnyKind,
  validation: FieldValidation,
) {
  try {
    return decodeJson(value, type, validation);
  } catch (error) {
    if (!(error instanceof FieldDecodeError)) throw error;
    throw badRequest(
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${error.message}`,
    );
  }
}

/** Unknown and duplicate fields: an error, warnings, or nothing (KEP-2885). */
function report(
  context: RequestContext,
  kind: AnyKind,
  problems: readonly string[],
  validation: FieldValidation,
): void {
  if (problems.length === 0 || validation === 'Ignore') return;
  if (validation === 'Warn') {
    for (const problem of problems) context.warn(problem);
    return;
  }
  const detail = problems.join(', ');
  throw badRequest(
    `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: strict decoding error: ${detail}`,
  );
}

function finish(object: JsonObject, kind: AnyKind): ApiObject {
  const { apiVersion, kind: kindName, ...rest } = object;
  const wanted = { group: kind.group, version: kind.version, kind: kind.kind };
  const given = {
    ...parseApiVersion(textOr(apiVersion, apiVersionOf(kind))),
    kind: textOr(kindName, kind.kind),
  };
  if (
    given.kind !== '' &&
    (given.kind !== wanted.kind || apiVersionOf(given) !== apiVersionOf(wanted))
  ) {
    throw given.kind === wanted.kind
      ? badRequest(
          `the API version in the data (${apiVersionOf(given)}) does not match the expected API version (${apiVersionOf(wanted)})`,
        )
      : kindMismatch(given, wanted);
  }
  const result = { kind: kind.kind, apiVersion: apiVersionOf(kind), ...rest } as ApiObject;
  kind.setDefaults?.(result);
  return result;
}

function decodeBinary(bytes: Uint8Array, kind: AnyKind, type: TypeSchema): ApiObject {
  const envelope = decodeEnvelope(bytes);
  if (envelope === undefined)
    throw badRequest(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  const object = decodeProtobuf(type, envelope.raw);
  return finish(
    {
      ...object,
      apiVersion: envelope.apiVersion || apiVersionOf(kind),
      kind: envelope.kind || kind.kind,
    },
    kind,
  );
}

/** A small body of any media type (DeleteOptions, patches): undefined when there is none. */
export function decodeBody(
  context: RequestContext,
  typeName = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
): JsonObject | undefined {
  const bytes = context.request.body;
  if (bytes === undefined || bytes.length === 0) return undefined;
  const media = mediaType(context);
  if (media === MEDIA_TYPES.protobuf) {
    const envelope = decodeEnvelope(bytes);
    return envelope === undefined ? undefined : decodeProtobuf(typeByName(typeName), envelope.raw);
  }
  const value: unknown = media.endsWith('yaml')
    ? fromYaml(Buffer.from(bytes).toString())
    : parseJson(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the body must be an object');
  return value as JsonObject;
}

export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch (error) {
    throw badRequest(
      `error decoding the body as JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function yamlObject(bytes: Uint8Array): JsonObject {
  const value = fromYaml(Buffer.from(bytes).toString());
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw badRequest('error decoding the body as YAML: the body must be an object');
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}
