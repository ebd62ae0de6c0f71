/** CREATE, UPDATE and PATCH: decode, admit, write. */
import type { Body, HttpResponse } from '#base/http/message.ts';
import { type Eventual, whenThere } from '#base/eventual.ts';
import { updateManagedFields } from '#api/apply/managed-fields.ts';
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf, type JsonObject } from '#api/meta/object.ts';
import { tooLong } from '#api/meta/field.ts';
import { badRequest, forbidden, invalid } from '#api/meta/status.ts';
import { fieldTypeOf } from '#api/schema/kind-types.ts';
import type { AdmissionChain, Attributes, Operation } from '../admission/admission.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, copyOf, forgetSystemFields, metadataOf } from '../api-object.ts';
import { storeListener, timedAnswer } from '../audit/latency.ts';
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
  return timedAnswer(context, presenter, () =>
    entry !== undefined &&
    String(entry.revision) === resourceVersion &&
    !presenter.givesObjects &&
    presenter.sendsCached(entry)
      ? presenter.single(entry)
      : presenter.answer(object),
  );
}

/** One owner is named once; more is an old client's mistake, and it is told. */
export function dropRepeatedOwners(
  context: RequestContext,
  object: ApiObject,
  after: '' | ' after mutating admission happens' = '',
): void {
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
    `.metadata.ownerReferences contains duplicate entries${after}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${[...repeated].join(', ')}`,
  );
}

const AFTER_ADMISSION = ' after mutating admission happens';

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
  dropRepeatedOwners(context, object, AFTER_ADMISSION);
  try {
    return await services.registry.create(resource, object, {
      namespace: context.info.namespace,
      user: context.user,
      note: noteOf(context),
      storeTook: storeListener(context),
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
  /** What admission sees in place of the object; `transform` admits it itself. */
  readonly part?: AdmittedPart;
}

/** A subresource that is shown as an object of a kind of its own (a scale). */
export interface AdmittedPart {
  readonly kind: AnyKind;
  of(object: ApiObject): ApiObject;
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
    storeTook: storeListener(context),
    dryRun: call.dryRun,
    warn: (text) => context.warn(text),
    createIfMissing: options.createIfMissing === true,
    namesUid: options.namesUid === true,
    transform: async (current) => {
      const next = await transform(current);
      dropRepeatedOwners(context, next);
      if (options.managesFields !== true)
        await recordManager(call, current, next, context.info.subresource);
      if (options.part === undefined) {
        await services.admission.admit(
          attributesOf(call, current === undefined ? 'CREATE' : 'UPDATE', next, current),
        );
        dropRepeatedOwners(context, next, AFTER_ADMISSION);
      }
      return next;
    },
    validate: (next, old) => services.admission.validate(validated(call, options, next, old)),
  });
}

function validated(
  call: Call,
  { part }: UpdateWays,
  next: ApiObject,
  old: ApiObject | undefined,
): Attributes {
  const operation = old === undefined ? 'CREATE' : 'UPDATE';
  if (part === undefined) return attributesOf(call, operation, next, old);
  const about = { ...call, objectKind: part.kind };
  return attributesOf(about, operation, part.of(next), old && part.of(old));
}

/** Why the user has not a right that a part of the write takes; undefined: has it. */
function refusalOf(
  { context, resource, services }: Call,
  asked: PermissionAsked,
): Eventual<string | undefined> {
  const attributes = { ...attributesFor(context.user, context.info), ...asked };
  return whenThere(services.authorize(attributes, context.signal), ({ outcome, reason }) => {
    if (outcome === 'allow') return undefined;
    const message = forbiddenMessage(attributes);
    const cause = reason === '' ? message : `${message}: ${reason}`;
    return forbidden(resource.groupResource, asked.name, cause).message;
  });
}

/**
 * Changes an object by what is no view of it (its scale), with the rules of an update. `transform`
 * says itself who manages which field, and has `admitPart` look at the part.
 */
export function updateAs(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
  change: {
    readonly part: AdmittedPart;
    transform(current: ApiObject | undefined): Promise<ApiObject>;
  },
): Promise<{ object: ApiObject; created: boolean }> {
  const { part } = change;
  const call = callOf(context, resource, services, 'UpdateOptions');
  return updateWith(call, (current) => change.transform(current), {
    managesFields: true,
    namesUid: context.info.verb === 'update',
    part,
  });
}

/** Mutating admission of a part that is about to be put into its object. Changes `next`. */
export async function admitPart(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
  about: { readonly kind: AnyKind; readonly next: ApiObject; readonly old: ApiObject },
): Promise<void> {
  const call = callOf(context, resource, services, 'UpdateOptions');
  const { kind, next, old } = about;
  await services.admission.admit(attributesOf({ ...call, objectKind: kind }, 'UPDATE', next, old));
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

export interface AdmittedCall extends Pick<Call, 'context' | 'resource' | 'dryRun'> {
  /** Of the objects, where it is not that of the resource. */
  readonly objectKind?: AnyKind;
  /** Of a DELETE. */
  readonly options?: JsonObject;
}

export function attributesOf(
  call: AdmittedCall,
  operation: Operation,
  object?: ApiObject,
  old?: ApiObject,
): Attributes {
  const { context, resource, dryRun, objectKind } = call;
  const { signal } = context;
  return {
    operation,
    kind: resource.kind,
    subresource: context.info.subresource,
    namespace: context.info.namespace,
    name: context.info.name !== '' ? context.info.name : (object?.metadata?.name ?? ''),
    nameInUrl: context.info.name,
    ...(object === undefined ? {} : { object }),
    ...(old === undefined ? {} : { old }),
    ...(objectKind === undefined ? {} : { objectKind }),
    ...(signal === undefined ? {} : { signal }),
    user: context.user,
    request: context,
    dryRun,
    ...(operation === 'CONNECT'
      ? {}
      : { options: () => call.options ?? writeOptions(context, operation) }),
    warn: (text) => context.warn(text),
    annotate: (key, value, level) => context.annotate(key, value, level),
  };
}

/** CreateOptions or UpdateOptions, as admission sees them: of a patch too. */
function writeOptions({ info: { query } }: RequestContext, operation: Operation): JsonObject {
  const dryRun = query.getAll('dryRun');
  const fieldManager = query.get('fieldManager') ?? '';
  const fieldValidation = query.get('fieldValidation') ?? '';
  return {
    kind: operation === 'CREATE' ? 'CreateOptions' : 'UpdateOptions',
    apiVersion: 'meta.k8s.io/v1',
    ...(dryRun.length === 0 ? {} : { dryRun }),
    ...(fieldManager === '' ? {} : { fieldManager }),
    ...(fieldValidation === '' ? {} : { fieldValidation }),
  };
}
