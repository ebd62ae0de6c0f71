/** Answers `why.coxswain.dev`. What explains is the composition's: it knows the scheduler too. */
import { apiVersionOf } from '#api/meta/object.ts';
import { badRequest, methodNotSupported } from '#api/meta/status.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { RequestContext, User } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { jsonResponse } from '../respond.ts';
import { WHY_API_VERSION } from './paths.ts';

/** What is to be explained, and for whom. */
export interface ExplainRequest {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly name: string;
  readonly namespace?: string;
  readonly user: User;
}

/** Undefined: there is nothing to say of such an object. Rejects with a StatusError. */
export type Explainer = (request: ExplainRequest) => Promise<object | undefined>;

/** The request has been authorized as a `get` of the object. */
export async function answerWhy(
  { info, request, user }: RequestContext,
  resource: Resource,
  explain: Explainer,
): Promise<HttpResponse> {
  const { kind } = resource;
  if (request.method !== 'GET')
    throw methodNotSupported(resource.groupResource, request.method.toLowerCase());
  if (info.name === '' || info.subresource !== '')
    throw badRequest('an explanation is of one object: give its path');
  const { group, version, plural, namespaced } = kind;
  const explanation = await explain({
    group,
    version,
    kind: kind.kind,
    plural,
    namespaced,
    name: info.name,
    ...(namespaced ? { namespace: info.namespace } : {}),
    user,
  });
  if (explanation === undefined)
    throw badRequest(`there is nothing to explain of ${plural} that are not being deleted`);
  const { name, namespace } = info;
  const object = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name,
    ...(namespaced ? { namespace } : {}),
  };
  return jsonResponse(200, {
    kind: 'Explanation',
    apiVersion: WHY_API_VERSION,
    metadata: {},
    object,
    ...explanation,
  });
}
