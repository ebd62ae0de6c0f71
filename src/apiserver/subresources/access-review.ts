/** A SubjectAccessReview's question as the authorizers take it. Upstream: registry/authorization/util. */
import type {
  FieldSelectorAttributes,
  SubjectAccessReviewSpec,
} from '#api/gen/authorization-v1.ts';
import { type FieldTerm, parseFieldSelector } from '#api/meta/field-selector.ts';
import { SelectorSyntaxError } from '#api/meta/selector-parser.ts';
import type { AuthorizationAttributes } from '../authz/authorizer.ts';
import type { User } from '../context.ts';

export function reviewAttributes(
  user: User,
  spec: SubjectAccessReviewSpec,
): AuthorizationAttributes {
  const resource = spec.resourceAttributes;
  const path = spec.nonResourceAttributes;
  return {
    user,
    verb: resource?.verb ?? path?.verb ?? '',
    path: path?.path ?? '',
    isResourceRequest: resource !== undefined,
    group: resource?.group ?? '',
    version: resource?.version || '*',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    fields: fieldTerms(resource?.fieldSelector),
  };
}

/** What cannot be told as a term is left out: it limits nothing. */
function fieldTerms(selector: FieldSelectorAttributes | undefined): readonly FieldTerm[] {
  if (selector?.rawSelector) {
    try {
      return parseFieldSelector(selector.rawSelector);
    } catch (error) {
      if (error instanceof SelectorSyntaxError) return [];
      throw error;
    }
  }
  return (selector?.requirements ?? []).flatMap(({ key, operator, values = [] }) => {
    const [value, another] = values;
    if (value === undefined || another !== undefined || (operator !== 'In' && operator !== 'NotIn'))
      return [];
    return [{ field: key, equal: operator === 'In', value }];
  });
}
