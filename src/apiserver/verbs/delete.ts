/** DELETE of one object, and of all that a selection finds. */
import type { HttpResponse } from '#base/http/message.ts';
import { type FieldError, fieldPath, invalidValue, notSupported } from '#api/meta/field.ts';
import type { JsonObject, TypeMeta } from '#api/meta/object.ts';
import { badRequest, invalid, isNotFound } from '#api/meta/status.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import { storeListener, timedAnswer } from '../audit/latency.ts';
import { type RequestContext, RequestPart } from '../context.ts';
import { listBody } from '../list-body.ts';
import { contentType } from '../presenter.ts';
import { Turns } from '../turns.ts';
import { noteOf } from '../history/note.ts';
import type { Resource } from '../registry/resource.ts';
import { bodyResponse, bytesResponse, jsonResponse } from '../respond.ts';
import { decodeBody } from './decode.ts';
import { isDryRun, listParameters } from './options.ts';
import { listPage, presenterFor } from './read.ts';
import { selectionOf } from './selection.ts';
import type { Attributes } from '../admission/admission.ts';
import { attributesOf, type WriteServices } from './write.ts';

export interface DeleteBody {
  readonly gracePeriodSeconds?: number;
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: string;
  readonly preconditions?: { uid?: string; resourceVersion?: string };
  readonly dryRun?: readonly string[];
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];

/** DeleteOptions from the body, or else from the query: with a body the query does not count. */
function deleteOptions(context: RequestContext): DeleteBody & { dryRun: readonly string[] } {
  const { query } = context.info;
  const body = decodeBody(context) as (DeleteBody & TypeMeta) | undefined;
  if (body !== undefined) checkKind(body);
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  const options: DeleteBody = body ?? {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: orphan === 'true' }),
    dryRun: query.getAll('dryRun'),
  };
  checkDeleteOptions(options);
  return { ...options, dryRun: options.dryRun ?? [] };
}

/** Throws a 422 for options that do not go together. */
export function checkDeleteOptions(options: DeleteBody): void {
  const errors = validateOptions(options);
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
}

/** Upstream: staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation (ValidateDeleteOptions). */
function validateOptions({ propagationPolicy, orphanDependents }: DeleteBody): FieldError[] {
  const at = fieldPath('propagationPolicy');
  if (propagationPolicy === undefined) return [];
  const errors: FieldError[] = [];
  if (orphanDependents !== undefined) {
    errors.push(
      invalidValue(
        at,
        propagationPolicy,
        'orphanDependents and deletionPropagation cannot be both set',
      ),
    );
  }
  if (!POLICIES.includes(propagationPolicy))
    errors.push(notSupported(at, propagationPolicy, [...POLICIES, 'nil']));
  return errors;
}

const SCHEME = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27';

function checkKind({ kind = '', apiVersion = '' }: TypeMeta): void {
  if (kind === '' || kind === 'DeleteOptions') return;
  throw badRequest(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme ${JSON.stringify(SCHEME)}`,
  );
}

export async function deleteObject(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
): Promise<HttpResponse> {
  const options = deleteOptions(context);
  isDryRun(options.dryRun, 'DeleteOptions');
  warnOfPropagation(context, resource, options);
  const { object, deleted } = await deleteOne(
    context,
    resource,
    services,
    context.info.name,
    options,
  );
  if (!deleted || resource.kind.returnsDeletedObject === true) {
    const presenter = presenterFor(context, resource);
    const bytes = timedAnswer(context, presenter, () => presenter.object(object));
    return bytesResponse(200, contentType(presenter.wanted), bytes);
  }
  const { kind } = resource;
  return jsonResponse(200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadataOf(object).name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: metadataOf(object).uid,
    },
  });
}

/** Of kinds whose dependents stay unless the client says otherwise. */
function warnOfPropagation(context: RequestContext, { kind }: Resource, options: DeleteBody): void {
  const { propagationPolicy, orphanDependents } = options;
  const saysNothing = propagationPolicy === undefined && orphanDependents === undefined;
  if (kind.propagationWarning !== undefined && saysNothing) context.warn(kind.propagationWarning);
}

/** DeleteOptions as admission sees them. */
function admissionOptions({ dryRun = [], ...options }: DeleteBody): JsonObject {
  const { kind: _, apiVersion: __, ...given } = options as DeleteBody & TypeMeta;
  return {
    kind: 'DeleteOptions',
    apiVersion: 'meta.k8s.io/v1',
    ...(given as JsonObject),
    ...(dryRun.length === 0 ? {} : { dryRun: [...dryRun] }),
  };
}

function deleteOne(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
  name: string,
  options: DeleteBody & { dryRun: readonly string[] },
): Promise<{ object: ApiObject; deleted: boolean }> {
  const dryRun = isDryRun(options.dryRun, 'DeleteOptions');
  const request = new RequestPart(context);
  return services.registry.delete(resource, {
    namespace: context.info.namespace,
    name,
    user: context.user,
    note: noteOf(context),
    storeTook: storeListener(context),
    dryRun,
    warn: (text) => context.warn(text),
    validate: async (object) => {
      const call = { context, resource, dryRun, options: admissionOptions(options) };
      const attributes: Attributes = {
        ...attributesOf(call, 'DELETE', undefined, object),
        name,
        // Each of many is admitted for itself.
        ...(context.info.name === '' ? { isOfCollection: true, request } : {}),
      };
      await services.admission.admit(attributes);
      await services.admission.validate(attributes);
    },
    ...(options.gracePeriodSeconds === undefined
      ? {}
      : { gracePeriodSeconds: options.gracePeriodSeconds }),
    ...(options.propagationPolicy === undefined
      ? {}
      : { propagationPolicy: options.propagationPolicy }),
    ...(options.orphanDependents === undefined
      ? {}
      : { orphanDependents: options.orphanDependents }),
    ...(options.preconditions === undefined ? {} : { preconditions: options.preconditions }),
  });
}

/** How many deletions of one collection run at a time. */
const WORKERS = 16;

export async function deleteCollection(
  context: RequestContext,
  resource: Resource,
  services: WriteServices,
): Promise<HttpResponse> {
  const options = deleteOptions(context);
  const presenter = presenterFor(context, resource);
  const parameters = listParameters(context.info);
  const selection = selectionOf(resource, parameters.labelSelector, parameters.fieldSelector);
  const page = await listPage(context, {
    registry: services.registry,
    resource,
    parameters,
    selection,
  });
  const names = page.entries.map((entry) => ({
    name: metadataOf(resource.read(entry)).name ?? '',
    namespace: metadataOf(resource.read(entry)).namespace ?? '',
  }));
  warnOfPropagation(context, resource, options);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let target = names[next++]; target !== undefined; target = names[next++]) {
      try {
        await deleteOne(context, resource, services, target.name, options);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  const turns = new Turns(context.environment);
  const body = await timedAnswer(context, presenter, () => listBody({ presenter, ...page, turns }));
  return bodyResponse(200, contentType(presenter.wanted), body);
}
