/**
 * What goes in and out of the subresources that act: objects of kinds that are nowhere stored
 * (Scale, Eviction, TokenRequest …), in any encoding that stored kinds have.
 */
import type { HttpResponse } from '#base/http/message.ts';
import { type AnyKind, anyKind, defineKind } from '#api/kind.ts';
import type { Binding, Service } from '#api/gen/core-v1.ts';
import type { Eviction } from '#api/gen/policy-v1.ts';
import type { Scale } from '#api/gen/autoscaling-v1.ts';
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { badRequest } from '#api/meta/status.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import { timedAnswer } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import { contentType } from '../presenter.ts';
import { Resource } from '../registry/resource.ts';
import { OTHER_NAMESPACE } from '../registry/rules.ts';
import { bytesResponse } from '../respond.ts';
import { decodeObject } from '../verbs/decode.ts';
import { fieldValidationOf, isDryRun } from '../verbs/options.ts';
import { presenterFor } from '../verbs/read.ts';
import { attributesOf } from '../verbs/write.ts';
import type { SubresourceServices } from './services.ts';

const TOKEN_SECONDS = 3600;

export const TOKEN_REQUEST = anyKind(
  defineKind<TokenRequest>({
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenRequest',
    plural: 'tokenrequests',
    namespaced: true,
    schema: 'io.k8s.api.authentication.v1.TokenRequest',
    setDefaults: (request) => {
      request.spec ??= { audiences: [] };
      request.spec.expirationSeconds ??= TOKEN_SECONDS;
    },
  }),
);

export const EVICTION = anyKind(
  defineKind<Eviction>({
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
    plural: 'evictions',
    namespaced: true,
    schema: 'io.k8s.api.policy.v1.Eviction',
  }),
);

export const POD_BINDING = anyKind(
  defineKind<Binding>({
    group: '',
    version: 'v1',
    kind: 'Binding',
    plural: 'bindings',
    namespaced: true,
    schema: 'io.k8s.api.core.v1.Binding',
  }),
);

export const SCALE = anyKind(
  defineKind<Scale>({
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    plural: 'scales',
    namespaced: true,
    unconditionalUpdate: true,
    schema: 'io.k8s.api.autoscaling.v1.Scale',
  }),
);

const STATUS = anyKind(
  defineKind<Service>({
    group: '',
    version: 'v1',
    kind: 'Status',
    plural: 'status',
    namespaced: false,
    schema: 'io.k8s.apimachinery.pkg.apis.meta.v1.Status',
  }),
);

/** A resource that has a kind and no objects of its own. */
export function unstored(
  kind: AnyKind,
  { registry }: Pick<SubresourceServices, 'registry'>,
  like: Resource,
): Resource {
  return new Resource({ kind, cache: like.cache, hub: registry.hub });
}

/** The object that the request brings, of `kind`. */
export function readBodyAs<T extends KubeObject>(context: RequestContext, kind: AnyKind): T {
  const object = decodeObject(
    context,
    kind,
    fieldValidationOf(context.info.query, 'CreateOptions'),
  );
  const metadata = metadataOf(object);
  const { namespace } = context.info;
  if (metadata.namespace && namespace !== '' && metadata.namespace !== namespace)
    throw badRequest(OTHER_NAMESPACE);
  // Where there are no namespaces, none is meant.
  if (namespace === '') delete metadata.namespace;
  return object as unknown as T;
}

export function dryRunOf(context: RequestContext): boolean {
  return isDryRun(context.info.query.getAll('dryRun'), 'CreateOptions');
}

/** Admission of what is asked of `resource`: first those that may change it, then those that judge. */
export async function admit(
  context: RequestContext,
  services: SubresourceServices,
  about: {
    readonly resource: Resource;
    /** Of the object. */
    readonly kind: AnyKind;
    readonly object: KubeObject;
    readonly dryRun: boolean;
    /** Looks at the object between the two. */
    readonly check?: () => void;
  },
): Promise<void> {
  const { resource, kind, object, dryRun, check } = about;
  const call = { context, resource, objectKind: kind, dryRun };
  const attributes = attributesOf(call, 'CREATE', object as ApiObject);
  await services.writes.admission.admit(attributes);
  check?.();
  await services.writes.admission.validate(attributes);
}

/**
 * An answer of `kind` in the encoding that the client accepts. Only a Scale has a Table: upstream's
 * storage of the others has no TableConvertor (406).
 */
export function answer(
  context: RequestContext,
  services: SubresourceServices,
  reply: {
    readonly code: number;
    readonly kind: AnyKind;
    readonly object: object;
    readonly like: Resource;
  },
): HttpResponse {
  const resource = unstored(reply.kind, services, reply.like);
  const presenter = presenterFor(context, resource, { tables: reply.kind === SCALE });
  const { metadata, ...rest } = reply.object as ApiObject;
  const object: ApiObject = metadata === undefined ? rest : { metadata, ...rest };
  const bytes = timedAnswer(context, presenter, () => presenter.object(object));
  return bytesResponse(reply.code, contentType(presenter.wanted), bytes);
}

/** `Status: Success`, as upstream answers to what makes nothing that could be shown. */
export function success(
  context: RequestContext,
  services: SubresourceServices,
  like: Resource,
): HttpResponse {
  const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return answer(context, services, { code: 201, kind: STATUS, object, like });
}
