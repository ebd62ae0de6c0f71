/**
 * PATCH: the four patch types as one shape, a function from the current object to the next.
 *
 * Source: API concepts, "Patches"; RFC 6902, RFC 7386. `apply.ts` is server-side apply.
 */
import { toStoredGoJson } from '#api/codec/canonical.ts';
import { isAsWritten } from '#api/codec/stored.ts';
import { fieldPath, forbiddenField, invalidValue } from '#api/meta/field.ts';
import { goText, isJsonObject } from '#api/meta/json.ts';
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf, type Json, type JsonObject } from '#api/meta/object.ts';
import {
  badRequest,
  invalid,
  notFound,
  plainError,
  StatusError,
  tooLargeEntity,
  unsupportedMediaType,
} from '#api/meta/status.ts';
import { applyJsonPatch, JsonPatchError, parseJsonPatch } from '#api/patch/json-patch.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge, StrategicMergeError } from '#api/patch/strategic-merge.ts';
import { canonicalJson } from '#api/structural/canonical-json.ts';
import { documentTypeOf, fieldTypeOf } from '#api/schema/kind-types.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { applyTransform, goKindOf } from './apply.ts';
import { checkNamed, decodeParsed, parseJson, UNHANDLED } from './decode.ts';
import { type FieldValidation, fieldValidationOf } from './options.ts';

export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

export interface PatchTransform {
  readonly isApply: boolean;
  transform(current: ApiObject | undefined): Promise<ApiObject>;
}

export function patchTransform(context: RequestContext, resource: Resource): PatchTransform {
  const media = (context.header('content-type').split(';')[0] ?? '').trim();
  const body = context.request.body ?? new Uint8Array(0);
  context.audit?.broughtPatch(context.request);
  if (media === PATCH_TYPES[3])
    return { isApply: true, transform: applyTransform(context, resource, body) };
  const change = changeOf(media, body, resource);
  const { kind } = resource;
  const validation = fieldValidationOf(context.info.query, 'PatchOptions');
  if (context.info.query.has('force')) {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      forbiddenField(fieldPath('force'), 'may not be specified for non-apply patch'),
    ]);
  }
  return {
    isApply: false,
    transform: async (current) => {
      if (current === undefined) throw notFound(resource.groupResource, context.info.name);
      const version = metadataOf(current).resourceVersion;
      const patched = change(asGoWrites(kind, current));
      const decoded = decodePatched(context, resource, {
        value: media === PATCH_TYPES[2] ? { ...patched, ...typeMetaOf(kind) } : patched,
        // What is shown of a patch that is refused.
        shown: () =>
          media === PATCH_TYPES[2]
            ? goText(parseJson(body) as Json)
            : shownOf(kind, change(rewritten(kind, current)), parseJson(body) as Json),
        validation,
        // A strategic merge is one of values, not of texts.
        ...(media === PATCH_TYPES[2] ? { cause: ofValues } : {}),
      });
      // A patch that says nothing of the version is meant for whatever is there.
      metadataOf(decoded).resourceVersion ??= version ?? '';
      checkNamed(metadataOf(decoded).name ?? '', context.info.name);
      if (metadataOf(decoded).name !== context.info.name) {
        throw badRequest(
          `the name of the object (${metadataOf(decoded).name ?? ''}) does not match the name on the URL (${context.info.name})`,
        );
      }
      return decoded;
    },
  };
}

const ofValues = (text: string): string =>
  text.startsWith('illegal base64') ? `error decoding from json: ${text}` : text;

/** The object as patches see it: what Go writes for nil is null in it. Shared: not to be changed. */
function asGoWrites(kind: AnyKind, object: ApiObject): JsonObject {
  return isAsWritten(object) ? (object as JsonObject) : rewritten(kind, object);
}

/** The same with its fields in Go's order. */
function rewritten(kind: AnyKind, object: ApiObject): JsonObject {
  if (kind.custom !== undefined) return object as JsonObject;
  const text = toStoredGoJson(documentTypeOf(kind), object);
  return JSON.parse(text) as JsonObject;
}

/**
 * Objects of custom kinds are maps to upstream: their members are in order. Of others those objects
 * are that the patch went through: its library keeps the rest as text.
 */
function shownOf({ custom }: AnyKind, patched: JsonObject, patch: Json): string {
  if (custom !== undefined) return canonicalJson(patched);
  return JSON.stringify(
    Array.isArray(patch) ? inOrderOf(patched, touched(patch)) : inOrderOf(patched, patch),
  );
}

/** The members of `value` sorted, and of all objects in it that `patch` has too. */
function inOrderOf(value: Json, patch: Json | undefined): Json {
  if (Array.isArray(value))
    return value.map((item, i) =>
      inOrderOf(item, isJsonObject(patch) ? patch[String(i)] : undefined),
    );
  if (!isJsonObject(value) || !isJsonObject(patch)) return value;
  const names = Object.keys(value).toSorted();
  return Object.fromEntries(
    names.map((name) => [name, inOrderOf(value[name] ?? null, patch[name])]),
  );
}

/** The objects on the paths of a JSON patch, as one that holds nothing else. */
function touched(operations: readonly Json[]): JsonObject {
  const root: JsonObject = {};
  const pointers = operations.flatMap((operation) =>
    isJsonObject(operation) ? [operation['path'], operation['from']] : [],
  );
  for (const pointer of pointers) {
    if (typeof pointer !== 'string') continue;
    let at = root;
    for (const step of pointer.split('/').slice(1, -1)) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      at = (at[name] ??= {}) as JsonObject;
    }
  }
  return root;
}

function typeMetaOf(kind: AnyKind): { kind: string; apiVersion: string } {
  return { kind: kind.kind, apiVersion: apiVersionOf(kind) };
}

/** Reads what a patch has made. What cannot be read is the patch's fault: a 422. */
function decodePatched(
  context: RequestContext,
  { kind }: Resource,
  {
    value,
    shown,
    validation,
    cause = (text) => text,
  }: {
    readonly value: JsonObject;
    readonly shown: () => string;
    readonly validation: FieldValidation;
    /** The words before what is wrong with a value. */
    readonly cause?: (text: string) => string;
  },
): ApiObject {
  try {
    return decodeParsed(context, { value, kind, type: documentTypeOf(kind), validation });
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 400) throw error;
    throw invalid({ group: '', kind: '' }, '', [
      invalidValue(fieldPath('patch'), shown(), cause(error.message.replace(UNHANDLED, ''))),
    ]);
  }
}

type Change = (current: JsonObject) => JsonObject;

function changeOf(media: string, body: Uint8Array, resource: Resource): Change {
  switch (media) {
    case PATCH_TYPES[0]: {
      const operations = guarded(() => parseJsonPatch(parseJson(body, UNDECODED)));
      return (current) => guarded(() => applyJsonPatch(current, operations)) as JsonObject;
    }
    case PATCH_TYPES[1]: {
      const patch = objectBody(body, UNDECODED);
      return (current) => mergePatch(current, patch) as JsonObject;
    }
    case PATCH_TYPES[2]: {
      // Custom resources have no patch strategies.
      if (resource.kind.custom !== undefined)
        throw unsupportedMediaType(
          media,
          PATCH_TYPES.filter((type) => type !== media),
        );
      const patch = objectBody(body);
      return (current) => guarded(() => strategicMerge(fieldTypeOf(resource.kind), current, patch));
    }
    default:
      throw unsupportedMediaType(media, PATCH_TYPES);
  }
}

const UNDECODED = 'error decoding patch: ';

function objectBody(body: Uint8Array, prefix = ''): JsonObject {
  const value = parseJson(body, prefix) as Json;
  if (isJsonObject(value)) return value;
  throw badRequest(
    `${prefix}json: cannot unmarshal ${goKindOf(value)} into Go value of type map[string]interface {}`,
  );
}

/** Errors of the patch functions as upstream's Status. */
function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof JsonPatchError || error instanceof StrategicMergeError)
      throw patchFailure(error);
    throw error;
  }
}

function patchFailure({ code, message }: JsonPatchError | StrategicMergeError): StatusError {
  switch (code) {
    case 400:
      return badRequest(message);
    case 413:
      return tooLargeEntity(message);
    case 500:
      return plainError(message);
    case 422:
      return new StatusError({
        code,
        reason: 'Invalid',
        message: 'the server rejected our request due to an error in our request',
        details: {},
      });
  }
}
