/** Request bodies as objects: content type, strictness, kind, defaults. */
import { messageOf } from '#base/error.ts';
import { decodeJson, FieldDecodeError, jsonProblem } from '#api/codec/json.ts';
import { decodeEnvelope, decodeProtobuf } from '#api/codec/protobuf.ts';
import { WireError } from '#api/codec/wire.ts';
import { fromYamlBytes, YamlError } from '#api/codec/yaml.ts';
import { forgetEmpty } from '#api/codec/zero.ts';
import type { AnyKind } from '#api/kind.ts';
import { invalidValue } from '#api/meta/field.ts';
import { isJsonObject } from '#api/meta/json.ts';
import {
  apiVersionOf,
  type GroupVersionKind,
  type Json,
  type JsonObject,
  parseApiVersion,
} from '#api/meta/object.ts';
import {
  badRequest,
  invalid,
  kindMismatch,
  kindUnknown,
  StatusError,
  unsupportedMediaType,
} from '#api/meta/status.ts';
import { documentTypeOf } from '#api/schema/kind-types.ts';
import { typeByName, typeForKind, type TypeSchema } from '#api/schema/schema.ts';
import type { ApiObject } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import { MEDIA_TYPES, objectMedia } from '../negotiate.ts';
import type { FieldValidation } from './options.ts';
import { noObject, unhandled, unreadableKind, unrecognized } from './unreadable.ts';

function mediaType(context: RequestContext): string {
  return (context.header('content-type').split(';')[0] ?? '').trim().toLowerCase();
}

/** The object of a write, with its defaults. */
export function decodeObject(
  context: RequestContext,
  kind: AnyKind,
  validation: FieldValidation,
): ApiObject {
  const object = decodeSent(context, kind, validation);
  context.audit?.brought(context.request, object.metadata);
  return object;
}

function decodeSent(
  context: RequestContext,
  kind: AnyKind,
  validation: FieldValidation,
): ApiObject {
  const bytes = context.request.body ?? new Uint8Array(0);
  const media = mediaType(context);
  const type = documentTypeOf(kind);
  if (media === MEDIA_TYPES.protobuf && kind.custom === undefined)
    return decodeBinary(bytes, kind, type);
  if (media === MEDIA_TYPES.yaml || media === 'text/yaml') {
    const problems: string[] = [];
    const value = yamlObject(bytes, kind, validation === 'Ignore' ? undefined : problems);
    // Custom kinds are read by another decoder, which says less.
    const told =
      kind.custom === undefined
        ? problems
        : problems.map((text) => text.replace(/^error converting YAML to JSON: /, ''));
    return decodeParsed(context, { value, kind, type, validation, problems: told, body: bytes });
  }
  if (media !== '' && media !== MEDIA_TYPES.json)
    throw unsupportedMediaType(media, acceptedMedia(context, kind));
  return decodeParsed(context, { value: bytes, kind, type, validation, body: bytes });
}

/** Custom objects have no protobuf form. */
function acceptedMedia({ cbor }: RequestContext, kind: AnyKind): readonly string[] {
  const all = objectMedia(cbor);
  return kind.custom === undefined ? all : all.filter((media) => media !== MEDIA_TYPES.protobuf);
}

interface Decoding {
  /** Bytes of JSON, or what a YAML or patch gave. */
  readonly value: Uint8Array | JsonObject;
  readonly kind: AnyKind;
  readonly type: TypeSchema;
  readonly validation: FieldValidation;
  /** What was odd before `value` was made. */
  readonly problems?: readonly string[];
  /** What the client sent, where that is an object and no patch. */
  readonly body?: Uint8Array;
  /** Set for what an apply has made: nulls that a custom kind does not allow are errors of it. */
  readonly keepNulls?: boolean;
  /** The caller sets them. */
  readonly withoutDefaults?: boolean;
}

/** What a refusal says before its cause. */
export const UNHANDLED = /^.* cannot be handled as a \w+: /s;

/** An object that is written to a name must say one. */
export function checkNamed(given: string, wanted: string): void {
  if (given !== '') return;
  throw badRequest(
    `the name of the object (${wanted} based on URL) was undeterminable: name must be provided`,
  );
}

/** Checks fields against the schema, sets defaults. What is unknown is pruned and reported. */
export function decodeParsed(context: Pick<RequestContext, 'warn'>, decoding: Decoding): ApiObject {
  const { kind, type, validation } = decoding;
  const { object, problems, hasEmpty } = readJson(decoding);
  checkGroupVersion(decoding, object);
  if (kind.custom !== undefined) checkCustomType(decoding, object);
  const pruned = prune(decoding, object).map((path) => `unknown field "${path}"`);
  report(context, kind, [...(decoding.problems ?? []), ...problems, ...pruned], validation);
  const result = typed(object, kind);
  if (decoding.withoutDefaults !== true) kind.setDefaults?.(result);
  if (hasEmpty) forgetEmpty(type, result);
  return result;
}

/** What a custom kind does not know goes; answers its paths. */
function prune({ kind, keepNulls = false }: Decoding, object: JsonObject): readonly string[] {
  if (kind.custom === undefined) return [];
  try {
    return kind.custom.prune(object, { keepNulls });
  } catch (error) {
    if (error instanceof StatusError) throw unhandled(kind, error.message);
    throw error;
  }
}

/** Upstream reads apiVersion and kind before anything else. */
function checkGroupVersion({ value, kind }: Decoding, { apiVersion }: JsonObject): void {
  if (!(value instanceof Uint8Array) || typeof apiVersion !== 'string') return;
  if (apiVersion.split('/').length > 2)
    throw unrecognized(kind, value, `unexpected GroupVersion string: ${apiVersion}`);
}

/** Objects of custom kinds must say what they are: nothing else tells. */
function checkCustomType({ value, kind, validation, body }: Decoding, object: JsonObject): void {
  const { apiVersion, kind: kindName } = object;
  const given = textOr(apiVersion, '');
  const wanted = apiVersionOf(kind);
  if (body !== undefined && textOr(kindName, '') === '') {
    const ignores = validation === 'Ignore' && !(value instanceof Uint8Array);
    const text = ignores ? JSON.stringify(value) : Buffer.from(body).toString();
    const cause = `Object 'Kind' is missing in '${text}'`;
    throw validation === 'Ignore' ? unhandled(kind, cause) : unrecognized(kind, body, cause);
  }
  if (body !== undefined && given !== wanted)
    throw badRequest(
      `the API version in the data (${given}) does not match the expected API version (${wanted})`,
    );
  const errors = [
    ...(kindName === kind.kind ? [] : [invalidValue('kind', kindName, `must be ${kind.kind}`)]),
    ...(given === wanted ? [] : [invalidValue('apiVersion', given, `must be ${wanted}`)]),
  ];
  if (errors.length === 0) return;
  const { metadata } = object;
  const name = isJsonObject(metadata ?? null) ? textOr((metadata as JsonObject)['name'], '') : '';
  throw invalid({ group: kind.group, kind: textOr(kindName, '') }, name, errors);
}

function readJson({ value, kind, type, validation, body }: Decoding) {
  try {
    return decodeJson(value, type, validation);
  } catch (error) {
    if (!(error instanceof FieldDecodeError)) throw error;
    if (kind.custom !== undefined && !error.malformed)
      throw customUnreadable(kind, body, error.message);
    if (!(value instanceof Uint8Array)) throw unhandled(kind, error.message);
    if (error.malformed) throw unreadableKind(kind, value, error.message);
    const [, what] = /^json: cannot unmarshal (\S+) into Go value/.exec(error.message) ?? [];
    throw what === undefined
      ? unhandled(kind, error.message)
      : unreadableKind(kind, value, noObject(what));
  }
}

/** Of custom kinds upstream reads type and metadata each on their own. */
function customUnreadable(
  kind: AnyKind,
  body: Uint8Array | undefined,
  message: string,
): StatusError {
  const [, what] = /^json: cannot unmarshal (\S+) into Go value/.exec(message) ?? [];
  if (what !== undefined && body !== undefined) return unreadableKind(kind, body, noObject(what));
  const text = message
    .replace('CustomObject.metadata.', '')
    .replace('ObjectMeta.metadata.', 'ObjectMeta.');
  if (/ CustomObject\.(?:apiVersion|kind) /.test(text) && body !== undefined)
    return unreadableKind(kind, body, text.replace(' CustomObject.', ' .'));
  return unhandled(kind, text.replace('Go struct field CustomObject.metadata of', 'Go value of'));
}

/** Unknown and duplicate fields: an error, warnings, or nothing (KEP-2885). */
function report(
  context: Pick<RequestContext, 'warn'>,
  kind: AnyKind,
  problems: readonly string[],
  validation: FieldValidation,
): void {
  if (problems.length === 0 || validation === 'Ignore') return;
  if (validation === 'Strict')
    throw unhandled(kind, `strict decoding error: ${problems.join(', ')}`);
  for (const warning of problems.flatMap(yamlWarnings)) context.warn(warning);
}

const YAML_PROBLEMS = /^(?:error converting YAML to JSON: )?yaml: unmarshal errors:\n/;

/** What is odd with a YAML text as a list; other problems as they are. */
export function yamlWarnings(problem: string): string[] {
  const list = problem.replace(YAML_PROBLEMS, '');
  return list === problem ? [problem] : list.split('\n').map((line) => line.trim());
}

function finish(object: JsonObject, kind: AnyKind): ApiObject {
  const result = typed(object, kind);
  kind.setDefaults?.(result);
  return result;
}

/** With the type that it says, or the one that is meant. Throws for another. */
function typed(object: JsonObject, kind: AnyKind): ApiObject {
  const { apiVersion, kind: kindName, ...rest } = object;
  const wanted = { group: kind.group, version: kind.version, kind: kind.kind };
  const given = {
    ...parseApiVersion(textOr(apiVersion, apiVersionOf(kind))),
    kind: textOr(kindName, kind.kind),
  };
  const isOther = given.kind !== wanted.kind || apiVersionOf(given) !== apiVersionOf(wanted);
  if (given.kind !== '' && isOther) throw mismatch(given, wanted);
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), ...rest } as ApiObject;
}

function mismatch(given: GroupVersionKind, wanted: GroupVersionKind): StatusError {
  return typeForKind(given.group, given.version, given.kind) === undefined
    ? kindUnknown(given, wanted)
    : kindMismatch(given, wanted);
}

function decodeBinary(bytes: Uint8Array, kind: AnyKind, type: TypeSchema): ApiObject {
  const { raw, ...envelope } = envelopeOf(bytes, kind);
  return finish(
    {
      ...readBinary(raw, kind, type),
      apiVersion: envelope.apiVersion || apiVersionOf(kind),
      kind: envelope.kind || kind.kind,
    },
    kind,
  );
}

function envelopeOf(bytes: Uint8Array, kind: AnyKind) {
  let cause =
    'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]';
  try {
    const envelope = decodeEnvelope(bytes);
    if (envelope !== undefined) return envelope;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    cause = error.message;
  }
  throw unrecognized(kind, bytes, bytes.length === 0 ? 'empty data' : cause);
}

function readBinary(raw: Uint8Array, kind: AnyKind, type: TypeSchema): JsonObject {
  try {
    return decodeProtobuf(type, raw);
  } catch (error) {
    if (error instanceof WireError) throw unhandled(kind, error.message);
    throw error;
  }
}

const NO_KIND = "couldn't get version/kind; json parse error: ";
const DELETE_OPTIONS = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

/** DeleteOptions, of any media type: undefined when there is no body. */
export function decodeBody(context: RequestContext): JsonObject | undefined {
  const options = decodeOptions(context);
  if (options !== undefined) context.audit?.brought(context.request);
  return options;
}

function decodeOptions(context: RequestContext): JsonObject | undefined {
  const bytes = context.request.body;
  if (bytes === undefined || bytes.length === 0) return undefined;
  const media = mediaType(context);
  if (media === MEDIA_TYPES.protobuf) return binaryOptions(bytes);
  const value = media.endsWith('yaml') ? parseYaml(bytes) : (parseJson(bytes, NO_KIND) as Json);
  if (!isJsonObject(value)) throw badRequest('the body must be an object');
  try {
    return decodeJson(value, typeByName(DELETE_OPTIONS), 'Ignore').object;
  } catch (error) {
    throw error instanceof FieldDecodeError ? badRequest(error.message) : error;
  }
}

function binaryOptions(bytes: Uint8Array): JsonObject | undefined {
  try {
    const envelope = decodeEnvelope(bytes);
    return envelope && decodeProtobuf(typeByName(DELETE_OPTIONS), envelope.raw);
  } catch (error) {
    throw error instanceof WireError ? badRequest(error.message) : error;
  }
}

/** JSON of any kind. Throws a 400 with `prefix` before Go's words for what is wrong. */
export function parseJson(bytes: Uint8Array, prefix = ''): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`${prefix}${jsonProblem(text) ?? messageOf(error)}`);
  }
}

/** Throws a 400 for what is no YAML. `problems` gets keys that come twice. */
function parseYaml(bytes: Uint8Array, problems?: string[]): Json {
  try {
    return fromYamlBytes(bytes, problems);
  } catch (error) {
    throw error instanceof YamlError ? badRequest(error.message) : error;
  }
}

function yamlObject(bytes: Uint8Array, kind: AnyKind, problems?: string[]): JsonObject {
  let value: Json;
  try {
    // An empty document is an empty object.
    value = fromYamlBytes(bytes, problems) ?? {};
  } catch (error) {
    throw error instanceof YamlError ? unrecognized(kind, bytes, error.message) : error;
  }
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  const what = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw unreadableKind(kind, bytes, noObject(what));
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}
