/**
 * Server-side apply: the configuration as sent, and what it makes of the object that is there.
 *
 * Source: API concepts, "Server-Side Apply"; upstream endpoints/handlers/patch.go (applyPatcher).
 */
import {
  ApplyConflictError,
  applyPatch,
  ForeignConversionError,
} from '#api/apply/managed-fields.ts';
import { fromYamlBytes, YamlError } from '#api/codec/yaml.ts';
import { fieldPath, required } from '#api/meta/field.ts';
import { markSent } from '#api/meta/json.ts';
import { apiVersionOf, type Json, type JsonObject } from '#api/meta/object.ts';
import {
  applyConflict,
  badRequest,
  conflict,
  invalid,
  plainError,
  StatusError,
} from '#api/meta/status.ts';
import { documentTypeOf, fieldTypeOf } from '#api/schema/kind-types.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { checkNamed, decodeParsed, UNHANDLED, yamlWarnings } from './decode.ts';
import { withForeignVersions } from './foreign-versions.ts';
import { type FieldValidation, fieldValidationOf } from './options.ts';
import { isTrue } from '../request-info.ts';

/** The current object with the configuration in `body` applied. */
export function applyTransform(
  context: RequestContext,
  resource: Resource,
  body: Uint8Array,
): (current: ApiObject | undefined) => Promise<ApiObject> {
  const { kind } = resource;
  const { query, name, subresource } = context.info;
  const manager = query.get('fieldManager') ?? '';
  const force = query.get('force') !== null && isTrue(query.get('force'));
  const validation = fieldValidationOf(query, 'PatchOptions');
  if (manager === '') {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      required(fieldPath('fieldManager'), 'is required for apply patch'),
    ]);
  }
  const parsed = appliedYaml(body);
  const type = fieldTypeOf(kind);
  return async (current) => {
    const applied = copyOf(parsed);
    try {
      const merged = (await withForeignVersions(kind, (versions) =>
        applyPatch({
          type,
          kind,
          ...(current === undefined ? {} : { live: copyOf(current) }),
          applied,
          versions,
          manager: {
            name: manager,
            apiVersion: apiVersionOf(kind),
            subresource,
            timeText: timeText(context.environment.clock.now()),
          },
          force,
        }),
      )) as JsonObject;
      reportRepeatedKeys(context, body, validation);
      checkApplied(applied, name);
      if (current === undefined) checkNew(applied, resource, name);
      const decoded = decodeMerged(context, resource, { merged, applied });
      if (current !== undefined)
        metadataOf(decoded).resourceVersion ??= metadataOf(current).resourceVersion ?? '';
      return decoded;
    } catch (error) {
      if (error instanceof ApplyConflictError) throw applyConflict(error.causes, error.message);
      if (error instanceof ForeignConversionError) throw plainError(error.message);
      throw error;
    }
  };
}

/** Reads what an apply has made. That it fits its type was seen before; not that its values do. */
function decodeMerged(
  context: RequestContext,
  { kind }: Resource,
  { merged, applied }: { readonly merged: JsonObject; readonly applied: ApiObject },
): ApiObject {
  try {
    return decodeParsed(context, {
      value: merged,
      kind,
      type: documentTypeOf(kind),
      // What is unknown was refused by the apply.
      validation: 'Ignore',
      keepNulls: true,
    });
  } catch (error) {
    if (!(error instanceof StatusError) || kind.custom !== undefined) throw error;
    if (!UNHANDLED.test(error.message)) throw error;
    const cause = error.message.replace(UNHANDLED, '');
    const type = `${kind.group}/${kind.version}, Kind=${kind.kind}`;
    const { namespace = '', name = '' } = metadataOf(applied);
    throw plainError(
      `failed to convert new object (${namespace}/${name}; ${type}) to proper version: unable to convert unstructured object to ${type}: error decoding from json: ${cause}`,
    );
  }
}

/** Keys that come twice are an error or warnings, as fields are; an error of the apply comes first. */
function reportRepeatedKeys(
  context: RequestContext,
  body: Uint8Array,
  validation: FieldValidation,
): void {
  if (validation === 'Ignore') return;
  const problems: string[] = [];
  fromYamlBytes(body, problems);
  if (problems.length > 0 && validation === 'Strict')
    throw badRequest(`error strict decoding YAML: ${problems.join(', ')}`);
  for (const warning of problems.flatMap(yamlWarnings)) context.warn(warning);
}

/** The configuration as sent. */
function appliedYaml(body: Uint8Array): ApiObject {
  let parsed: Json;
  try {
    parsed = fromYamlBytes(body);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw badRequest(`error decoding YAML: ${error.message}`);
  }
  // An empty text is an object without anything, as Go reads it.
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${goKindOf(parsed)} into Go value of type map[string]interface {}`,
    );
  noteEmpty(parsed);
  return parsed as unknown as ApiObject;
}

/** What is empty in a configuration was sent so. */
function noteEmpty(value: Json | undefined): void {
  if (typeof value !== 'object' || value === null) return;
  const members = Object.values(value);
  if (members.length === 0) markSent(value);
  for (const member of members) noteEmpty(member);
}

/** As Go names what it reads of JSON. */
export function goKindOf(value: Json): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** What is to be made says its name, and has no uid: with one it exists already, or did. */
function checkNew({ metadata }: ApiObject, resource: Resource, name: string): void {
  const { uid = '' } = metadata ?? {};
  if (uid === '') return checkNamed(metadata?.name ?? '', name);
  throw conflict(
    resource.groupResource,
    name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
}

function checkApplied({ metadata }: ApiObject, name: string): void {
  const given = metadata?.name ?? name;
  if (given !== name)
    throw badRequest(
      `the name of the object (${given}) does not match the name on the URL (${name})`,
    );
}
