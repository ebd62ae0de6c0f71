/**
 * Subresources that act, and kinds that are only asked: the list. What is a view of an object
 * (status, resize …) is data of the kind and is not here.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../registry/resource.ts';
import { createBinding } from './binding.ts';
import { readComponentStatus } from './component-status.ts';
import { createEviction } from './eviction.ts';
import {
  createLocalSubjectAccessReview,
  createSelfSubjectAccessReview,
  createSelfSubjectReview,
  createSelfSubjectRulesReview,
  createSubjectAccessReview,
  createTokenReview,
} from './reviews.ts';
import { handleScale } from './scale.ts';
import type { SubresourceServices } from './services.ts';
import { createToken } from './token.ts';

export interface SubresourceHandler {
  readonly group: string;
  readonly plural: string;
  /** Empty for kinds that are nowhere stored. */
  readonly subresource: string;
  /** HTTP methods. */
  readonly methods: readonly string[];
  handle(
    context: RequestContext,
    services: SubresourceServices,
    resource: Resource,
  ): Promise<HttpResponse>;
}

type Handle = SubresourceHandler['handle'];

function created(group: string, path: string, handle: Handle): SubresourceHandler {
  const [plural = '', subresource = ''] = path.split('/');
  return { group, plural, subresource, methods: ['POST'], handle };
}

/** Of every kind that has a scale. */
export const SCALE_HANDLER: Pick<SubresourceHandler, 'methods' | 'handle'> = {
  methods: ['GET', 'PUT', 'PATCH'],
  handle: handleScale,
};

export const SUBRESOURCE_HANDLERS: readonly SubresourceHandler[] = [
  created('', 'bindings', createBinding),
  created('', 'pods/binding', createBinding),
  created('', 'pods/eviction', createEviction),
  created('', 'serviceaccounts/token', createToken),
  {
    group: '',
    plural: 'componentstatuses',
    subresource: '',
    methods: ['GET'],
    handle: readComponentStatus,
  },
  created('authentication.k8s.io', 'tokenreviews', createTokenReview),
  created('authentication.k8s.io', 'selfsubjectreviews', createSelfSubjectReview),
  created('authorization.k8s.io', 'subjectaccessreviews', createSubjectAccessReview),
  created('authorization.k8s.io', 'localsubjectaccessreviews', createLocalSubjectAccessReview),
  created('authorization.k8s.io', 'selfsubjectaccessreviews', createSelfSubjectAccessReview),
  created('authorization.k8s.io', 'selfsubjectrulesreviews', createSelfSubjectRulesReview),
];
