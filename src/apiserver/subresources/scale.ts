/**
 * The scale subresource: how many replicas, as an autoscaling/v1 Scale, whatever the kind.
 *
 * Source: upstream pkg/registry/apps/deployment/storage/storage.go (ScaleREST) and its siblings.
 */
import type { HttpResponse } from '#base/http/message.ts';
import { parentEntries, scaleEntries } from '#api/apply/scale-entries.ts';
import type { Scale } from '#api/gen/autoscaling-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import { fieldPath, invalidValue } from '#api/meta/field.ts';
import { apiVersionOf, type Json } from '#api/meta/object.ts';
import {
  badRequest,
  conflict,
  internalError,
  invalid,
  notFound,
  plainError,
} from '#api/meta/status.ts';
import { NestedFieldError } from '#api/structural/nested-fields.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { OTHER_NAMESPACE } from '../registry/rules.ts';
import { patchTransform } from '../verbs/patch.ts';
import { admitPart, recordManagers, updateAs } from '../verbs/write.ts';
import { answer, readBodyAs, SCALE, unstored } from './exchange.ts';
import type { SubresourceServices } from './services.ts';

type AnyScale = NonNullable<AnyKind['scale']>;

/** Says that an object of a custom kind has no replicas yet: no count that anybody sends. */
const NO_REPLICAS = -2_147_483_648;

export async function handleScale(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): Promise<HttpResponse> {
  const { namespace, name } = context.info;
  const paths = resource.kind.scale;
  if (paths === undefined) throw internalError(`${resource.kind.plural} have no scale`);
  if (context.info.verb === 'get') {
    const object = resource.read(await services.registry.entry(resource, namespace, name));
    const scale = guarded(plainError, () => scaleOf(paths, object));
    if (scale.spec?.replicas === NO_REPLICAS)
      throw internalError(
        `the spec replicas field ${JSON.stringify(paths.customPath)} does not exist`,
      );
    return answer(context, services, { code: 200, kind: SCALE, object: scale, like: resource });
  }
  const nextScale = transformOf(context, services, resource);
  const transform = async (current: ApiObject | undefined): Promise<ApiObject> => {
    if (current === undefined) throw notFound(resource.groupResource, name);
    const old = managedScale(paths, current);
    const scale = await nextScale(old);
    const both = { next: scale as ApiObject, old: old as ApiObject };
    await admitPart(context, resource, services.writes, { kind: SCALE, ...both });
    const next = copyOf(current);
    checkScale(context, resource, next, scale);
    guarded(plainError, () => paths.set(next, scale.spec?.replicas ?? 0));
    setManagers(paths, resource, next, scale);
    return next;
  };
  const part = {
    kind: SCALE,
    of: (whole: ApiObject) => guarded(plainError, () => scaleOf(paths, whole)) as ApiObject,
  };
  const { object } = await updateAs(context, resource, services.writes, { part, transform });
  const scale = guarded(badRequest, () => scaleOf(paths, object));
  return answer(context, services, { code: 200, kind: SCALE, object: scale, like: resource });
}

/** Objects of custom kinds may have something else where their replicas should be. */
function guarded<T>(fail: (message: string) => Error, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof NestedFieldError) throw fail(error.message);
    throw error;
  }
}

/** The scale as writers see it: with the managers of the replicas. */
function managedScale(paths: AnyScale, current: ApiObject): Scale {
  const scale = guarded(plainError, () => scaleOf(paths, current));
  const entries = scaleEntries(managersOf(current), paths.replicasPaths);
  if (entries !== undefined) metadataOf(scale as ApiObject).managedFields = entries as never[];
  return scale;
}

function managersOf(object: object): Json | undefined {
  return metadataOf(object as ApiObject).managedFields as Json | undefined;
}

/** Who manages the replicas after the write of a scale. Changes `next`. */
function setManagers(paths: AnyScale, { kind }: Resource, next: ApiObject, scale: Scale): void {
  const { replicasPaths } = paths;
  const entries = parentEntries(managersOf(next), managersOf(scale), {
    paths: replicasPaths,
    apiVersion: apiVersionOf(kind),
  });
  if (entries === undefined) delete metadataOf(next).managedFields;
  else metadataOf(next).managedFields = entries as never[];
}

/** From the scale that is to the scale that the request asks for, its managers included. */
function transformOf(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): (current: Scale) => Promise<Scale> {
  const scales = unstored(SCALE, services, resource);
  const record = async (current: Scale, next: Scale): Promise<Scale> => {
    await recordManagers(context, scales, current as ApiObject, next as ApiObject);
    return next;
  };
  if (context.info.verb === 'patch') {
    const patch = patchTransform(context, scales);
    return async (current) => {
      const next = (await patch.transform(current as ApiObject)) as Scale;
      return patch.isApply ? next : record(current, next);
    };
  }
  const asked = readBodyAs<Scale>(context, SCALE);
  const given = asked.metadata?.name ?? '';
  if (given !== '' && given !== context.info.name) {
    throw badRequest(
      `the name of the object (${given}) does not match the name on the URL (${context.info.name})`,
    );
  }
  const namespace = asked.metadata?.namespace ?? '';
  if (namespace !== '' && namespace !== context.info.namespace) throw badRequest(OTHER_NAMESPACE);
  return async (current) => record(current, copyOf(asked as ApiObject) as Scale);
}

/** No replica count, one below zero, or a scale of another object than the one that is there. */
function checkScale(
  { info: { verb } }: RequestContext,
  resource: Resource,
  current: ApiObject,
  { metadata, spec }: Scale,
): void {
  const name = current.metadata?.name ?? '';
  const replicas = spec?.replicas ?? 0;
  const { customPath } = resource.kind.scale ?? {};
  // Custom kinds are judged by their own validation.
  if (customPath !== undefined) {
    if (replicas === NO_REPLICAS)
      throw badRequest(`the spec replicas field ${JSON.stringify(customPath)} cannot be empty`);
  } else if (replicas < 0) {
    const at = fieldPath('spec').child('replicas');
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [
      invalidValue(at, replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const { uid = '', resourceVersion = '' } = metadataOf(current);
  // The registry compares the uid of a PUT.
  if (metadata?.uid && verb === 'update') metadataOf(current).uid = metadata.uid;
  else if (metadata?.uid && metadata.uid !== uid && customPath === undefined) {
    const cause = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`;
    const { group, resource: plural } = resource.groupResource;
    throw conflict({ group, resource: `${plural}/scale` }, name, cause);
  }
  // The registry compares versions: it takes the scale's as the object's.
  if (metadata?.resourceVersion) metadataOf(current).resourceVersion = metadata.resourceVersion;
  else if (resourceVersion !== '') metadataOf(current).resourceVersion = resourceVersion;
}

function scaleOf(paths: AnyScale, object: ApiObject): Scale {
  const { replicas, statusReplicas, selector } = paths.get(object);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadataOf(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: replicas === 0 ? {} : { replicas: replicas ?? NO_REPLICAS },
    status: { replicas: statusReplicas, ...(selector === '' ? {} : { selector }) },
  };
}
