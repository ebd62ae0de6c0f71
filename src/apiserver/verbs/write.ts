/** CREATE, UPDATE and PATCH: decode, admit, write. */
import type { Body, HttpResponse } from '#base/http/message.ts';
import { updateManagedFields } from '#api/apply/managed-fields.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import { tooLong } from '#api/meta/field.ts';
import { badRequest, forbidden, invalid } from '#api/meta/status.ts';
import { fieldTypeOf } from '#api/schema/kind-types.ts';
import type { AdmissionChain, Attributes, Operation } from '../admission/admission.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, copyOf, forgetSystemFields, metadataOf } from '../api-object.ts';
import { attributesFor, type Authorizer, forbiddenMessage } from '../authz/authorizer.ts';
import type { RequestContext } from '../context.ts';
import type { PermissionAsked } from '../registry/permissions.ts';
import { contentType, type Presenter } from '../presenter.ts';
import type { Registry } from '../registry/registry.ts';
import { noteOf } from '../history/note.ts';
import type { Resource } from '../registry/resource.ts';
import { bodyResponse } from '../respond.ts';
import { checkNamed, decodeObject } from './decode.ts';
import { withForeignVersions } from './foreign-versions.ts';
import { fieldValidationOf, isDryRun } from './options.ts';
import { patchTransform } from './patch.ts';
import { presenterFor } from './read.ts';

export interface WriteServices {
  readonly registry: Registry;
  readonly admission: AdmissionChain;
  readonly authorize: Authorizer;
}

interface Call {
  readonly context: RequestContext;
  readonly resource: Resource;
  readonly services: WriteServices;
  readonly dryRun: boolean;
  readonly manager: string;
}

function callOf(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
  options: string,
): Call {
  const { query } = context.info;
  return {
    context,
    resource,
    services,
    dryRun: isDryRun(query.getAll('dryRun'), options),
    manager: managerOf(query.get('fieldManager'), context.header('user-agent'), options),
  };
}

const MANAGER_MAX = 128;

/** The field manager's name: as asked, or the first word of the user agent. */
function managerOf(asked: string | null, userAgent: string, options = 'CreateOptions'): string {
  if (asked !== null && asked !== '') {
    if (asked.length > MANAGER_MAX)
      throw invalid({ group: 'meta.k8s.io', kind: options }, '', [
        tooLong('fieldManager', MANAGER_MAX),
      ]);
    return asked;
  }
  return (userAgent.split('/')[0] ?? '').slice(0, MANAGER_MAX) || 'unknown';
}

export async function createObject(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
): Promise<HttpResponse> {
  const call = callOf(context, resource, services, 'CreateOptions');
  const presenter = presenterFor(context, resource);
  const object = decodeObject(
    context,
    resource.kind,
    fieldValidationOf(context.info.query, 'CreateOptions'),
  );
  const created = await createDecoded(call, object);
  return bodyResponse(201, contentType(presenter.wanted), answerBody(call, presenter, created));
}

/** The object as written: the bytes that were stored, where the client wants them as they are. */
function answerBody(
  { context, resource, dryRun }: Call,
  presenter: Presenter,
  object: ApiObject,
): Body {
  const { name = '', resourceVersion } = metadataOf(object);
  // What the store has answered lies in the cache, unless somebody has written again since.
  const entry = dryRun ? undefined : resource.cache.get(resource.key(context.info.namespace, name));
  return entry !== undefined &&
    String(entry.revision) === resourceVersion &&
    !presenter.givesObjects &&
    presenter.sendsCached(entry)
    ? presenter.single(entry)
    : presenter.answer(object);
}

/** One owner is named once; more is an old client's mistake, and it is told. */
export function dropRepeatedOwners(context: RequestContext, object: ApiObject): void {
  const metadata = metadataOf(object);
  const owners = metadata.ownerReferences ?? [];
  const seen = new Set<string>();
  const repeated = new Set<string>();
  const kept = owners.filter(({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }) => {
    const owner = JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
    if (seen.has(owner)) repeated.add(uid);
    return !seen.has(owner) && seen.add(owner);
  });
  if (repeated.size === 0) return;
  metadata.ownerReferences = kept;
  context.warn(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${[...repeated].join(', ')}`,
  );
}

async function createDecoded(call: Call, object: ApiObject): Promise<ApiObject> {
  const { context, resource, services } = call;
  dropRepeatedOwners(context, object);
  forgetSystemFields(object);
  const metadata = metadataOf(object);
  if (!metadata.name && !metadata.generateName && context.info.name === '') metadata.name = '';
  if (resource.kind.namespaced && !metadata.namespace) metadata.namespace = context.info.namespace;
  // Before admission: what plug-ins fill in is nobody's, as upstream has it.
  await recordManager(call, undefined, object, '');
  await services.admission.admit(attributesOf(call, 'CREATE', object));
  try {
    return await services.registry.create(resource, object, {
      namespace: context.info.namespace,
      user: context.user,
      note: noteOf(context),
      dryRun: call.dryRun,
      warn: (text) => context.warn(text),
      validate: (next) => services.admission.validate(attributesOf(call, 'CREATE', next)),
    });
  } finally {
    services.admission.finished(context);
  }
}

/** PUT of an object or of a view of it. */
export async function updateObject(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
): Promise<HttpResponse> {
  const call = callOf(context, resource, services, 'UpdateOptions');
  const object = decodeObject(
    context,
    resource.kind,
    fieldValidationOf(context.info.query, 'UpdateOptions'),
  );
  const { name } = context.info;
  const given = metadataOf(object).name ?? '';
  checkNamed(given, name);
  if (given !== name) {
    throw badRequest(
      `the name of the object (${given}) does not match the name on the URL (${name})`,
    );
  }
  // What is noted of the object as it was sent is known of no copy: the first try gets it itself.
  const again = copyOf(object);
  let sent: ApiObject | undefined = object;
  const transform = async (): Promise<ApiObject> => {
    const next = sent ?? copyOf(again);
    sent = undefined;
    return next;
  };
  return finishUpdate(call, transform, { namesUid: true });
}

/** PATCH in any of its four types. */
export async function patchObject(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
): Promise<HttpResponse> {
  const call = callOf(context, resource, services, 'PatchOptions');
  const patch = patchTransform(context, resource);
  return finishUpdate(call, (current) => patch.transform(current), {
    createIfMissing: patch.isApply,
    managesFields: patch.isApply,
  });
}

interface UpdateWays {
  readonly createIfMissing?: boolean;
  readonly managesFields?: boolean;
  readonly namesUid?: boolean;
}

async function finishUpdate(
  call: Call,
  transform: (current: ApiObject | undefined) => Promise<ApiObject>,
  options: UpdateWays = {},
): Promise<HttpResponse> {
  const { context, resource } = call;
  const presenter = presenterFor(context, resource);
  const { object, created } = await updateWith(call, transform, options);
  return bodyResponse(
    created ? 201 : 200,
    contentType(presenter.wanted),
    answerBody(call, presenter, object),
  );
}

async function updateWith(
  call: Call,
  transform: (current: ApiObject | undefined) => Promise<ApiObject>,
  options: UpdateWays,
): Promise<{ object: ApiObject; created: boolean }> {
  try {
    return await admitAndUpdate(call, transform, options);
  } finally {
    call.services.admission.finished(call.context);
  }
}

function admitAndUpdate(
  call: Call,
  transform: (current: ApiObject | undefined) => Promise<ApiObject>,
  options: UpdateWays,
): Promise<{ object: ApiObject; created: boolean }> {
  const { context, resource, services } = call;
  return services.registry.update(resource, {
    namespace: context.info.namespace,
    name: context.info.name,
    subresource: context.info.subresource,
    user: context.user,
    verb: context.info.verb,
    permits: (asked) => refusalOf(call, asked),
    note: noteOf(context),
    dryRun: call.dryRun,
    warn: (text) => context.warn(text),
    createIfMissing: options.createIfMissing === true,
    namesUid: options.namesUid === true,
    transform: async (current) => {
      const next = await transform(current);
      dropRepeatedOwners(context, next);
      if (options.managesFields !== true)
        await recordManager(call, current, next, context.info.subresource);
      await services.admission.admit(
        attributesOf(call, current === undefined ? 'CREATE' : 'UPDATE', next, current),
      );
      return next;
    },
    validate: (next, old) =>
      services.admission.validate(
        attributesOf(call, old === undefined ? 'CREATE' : 'UPDATE', next, old),
      ),
  });
}

/** Why the user has not a right that a part of the write takes; undefined: has it. */
function refusalOf(
  { context, resource, services }: Call,
  asked: PermissionAsked,
): string | undefined {
  const attributes = { ...attributesFor(context.user, context.info), ...asked };
  const { outcome, reason } = services.authorize(attributes);
  if (outcome === 'allow') return undefined;
  const message = forbiddenMessage(attributes);
  const cause = reason === '' ? message : `${message}: ${reason}`;
  return forbidden(resource.groupResource, asked.name, cause).message;
}

/**
 * Changes an object by what is no view of it (its scale), with the rules of an update. `transform`
 * says itself who manages which field.
 */
export function updateAs(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
  transform: (current: ApiObject | undefined) => Promise<ApiObject>,
): Promise<{ object: ApiObject; created: boolean }> {
  return updateWith(callOf(context, resource, services, 'UpdateOptions'), transform, {
    managesFields: true,
    namesUid: context.info.verb === 'update',
  });
}

/** Writes down who changed which field of `live`, in the subresource of the request. Changes `next`. */
export function recordManagers(
  context: RequestContext,
  resource: Resource,
  live: ApiObject,
  next: ApiObject,
): Promise<void> {
  const { query, subresource } = context.info;
  const manager = managerOf(query.get('fieldManager'), context.header('user-agent'));
  return recordManager({ context, resource, manager }, live, next, subresource);
}

/** Writes down who sent the fields of an object that is nowhere stored (a review). */
export function recordSender(
  context: RequestContext,
  resource: Resource,
  object: ApiObject,
): Promise<void> {
  const { query } = context.info;
  const manager = managerOf(query.get('fieldManager'), context.header('user-agent'));
  return recordManager({ context, resource, manager }, undefined, object, context.info.subresource);
}

async function recordManager(
  call: Pick<Call, 'context' | 'resource' | 'manager'>,
  live: ApiObject | undefined,
  next: ApiObject,
  subresource: string,
): Promise<void> {
  const { context, resource, manager } = call;
  const metadata = metadataOf(next);
  const { managedFields: given } = metadata;
  await withForeignVersions(resource.kind, (versions) => {
    // Each time from the start: what the client has sent of managers counts.
    if (given !== undefined) metadata.managedFields = given;
    updateManagedFields({
      type: fieldTypeOf(resource.kind),
      kind: resource.kind,
      ...(live === undefined ? {} : { live }),
      next,
      versions,
      manager: {
        name: manager,
        apiVersion: apiVersionOf(resource.kind),
        subresource,
        timeText: timeText(context.environment.clock.now()),
      },
    });
  });
}

export function attributesOf(
  call: Pick<Call, 'context' | 'resource' | 'dryRun'>,
  operation: Operation,
  object?: ApiObject,
  old?: ApiObject,
): Attributes {
  const { context, resource, dryRun } = call;
  return {
    operation,
    kind: resource.kind,
    subresource: context.info.subresource,
    namespace: context.info.namespace,
    name: context.info.name !== '' ? context.info.name : (object?.metadata?.name ?? ''),
    ...(object === undefined ? {} : { object }),
    ...(old === undefined ? {} : { old }),
    user: context.user,
    request: context,
    dryRun,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
    warn: (text) => context.warn(text),
    annotate: (key, value) => context.annotate(key, value),
  };
}
