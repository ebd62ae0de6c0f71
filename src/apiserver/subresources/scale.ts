/**
 * The scale subresource: how many replicas, as an autoscaling/v1 Scale, whatever the kind.
 *
 * Source: upstream pkg/registry/apps/deployment/storage/storage.go (ScaleREST) and its siblings.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { Scale } from '#api/gen/autoscaling-v1.ts';
import { fieldPath, invalidValue } from '#api/meta/field.ts';
import { badRequest, conflict, internalError, invalid, notFound } from '#api/meta/status.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { patchTransform } from '../verbs/patch.ts';
import { updateAs } from '../verbs/write.ts';
import { answer, readBodyAs, SCALE, unstored } from './exchange.ts';
import type { SubresourceServices } from './services.ts';

export async function handleScale(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): Promise<HttpResponse> {
  const { namespace, name } = context.info;
  if (context.info.verb === 'get') {
    const object = resource.read(await services.registry.entry(resource, namespace, name));
    return answer(context, services, {
      code: 200,
      kind: SCALE,
      object: scaleOf(resource, object),
      like: resource,
    });
  }
  const nextScale = transformOf(context, services, resource);
  const { object } = await updateAs(context, resource, services.writes, async (current) => {
    if (current === undefined) throw notFound(resource.groupResource, name);
    const scale = await nextScale(scaleOf(resource, current));
    const next = copyOf(current);
    checkScale(resource, next, scale);
    resource.kind.scale?.set(next, scale.spec?.replicas ?? 0);
    return next;
  });
  return answer(context, services, {
    code: 200,
    kind: SCALE,
    object: scaleOf(resource, object),
    like: resource,
  });
}

/** From the scale that is to the scale that the request asks for. */
function transformOf(
  context: RequestContext,
  services: SubresourceServices,
  resource: Resource,
): (current: Scale) => Promise<Scale> {
  if (context.info.verb === 'patch') {
    const patch = patchTransform(context, unstored(SCALE, services, resource));
    return async (current) => (await patch.transform(current as ApiObject)) as Scale;
  }
  const asked = readBodyAs<Scale>(context, SCALE);
  const given = asked.metadata?.name ?? '';
  if (given !== '' && given !== context.info.name) {
    throw badRequest(
      `the name of the object (${given}) does not match the name on the URL (${context.info.name})`,
    );
  }
  return async () => asked;
}

/** A replica count below zero, or a scale of another object than the one that is there. */
function checkScale(resource: Resource, current: ApiObject, { metadata, spec }: Scale): void {
  const name = current.metadata?.name ?? '';
  const replicas = spec?.replicas ?? 0;
  if (replicas < 0) {
    const at = fieldPath('spec').child('replicas');
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [
      invalidValue(at, replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const { uid = '', resourceVersion = '' } = metadataOf(current);
  if (metadata?.uid && metadata.uid !== uid) {
    const cause = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`;
    throw conflict(resource.groupResource, name, cause);
  }
  // The registry compares versions: it takes the scale's as the object's.
  if (metadata?.resourceVersion) metadataOf(current).resourceVersion = metadata.resourceVersion;
  else if (resourceVersion !== '') metadataOf(current).resourceVersion = resourceVersion;
}

function scaleOf(resource: Resource, object: ApiObject): Scale {
  const paths = resource.kind.scale;
  if (paths === undefined) throw internalError(`${resource.kind.plural} have no scale`);
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
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: statusReplicas, ...(selector === '' ? {} : { selector }) },
  };
}
