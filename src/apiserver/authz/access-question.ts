/**
 * A question of an authorizer as a SubjectAccessReview, for those who are asked from afar.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go
 * (resourceAttributesFrom and below); KEP-4601 for selectors.
 */
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  SubjectAccessReviewSpec,
} from '#api/gen/authorization-v1.ts';
import type { FieldTerm } from '#api/meta/field-selector.ts';
import type { Operator, Selector } from '#api/meta/labels.ts';
import type { AuthorizationAttributes } from './authorizer.ts';

/** With what is said, and no empty fields. */
export function accessQuestion(attributes: AuthorizationAttributes): SubjectAccessReviewSpec {
  const { user, verb, path } = attributes;
  const { name, groups, uid, extra } = user;
  return {
    ...(attributes.isResourceRequest
      ? { resourceAttributes: resourceAttributes(attributes) }
      : { nonResourceAttributes: { path, verb } }),
    ...said({ user: name, uid }),
    ...(groups.length === 0 ? {} : { groups: [...groups] }),
    ...(extra === undefined
      ? {}
      : {
          extra: Object.fromEntries(
            Object.entries(extra).map(([key, values]) => [key, [...values]]),
          ),
        }),
  };
}

function resourceAttributes(
  attributes: AuthorizationAttributes,
): NonNullable<SubjectAccessReviewSpec['resourceAttributes']> {
  const { namespace, verb, group, version, resource, subresource, name } = attributes;
  return {
    ...said({ namespace, verb, group, version, resource, subresource, name }),
    ...fieldSelector(attributes.fields ?? []),
    ...labelSelector(attributes.labels?.() ?? []),
  };
}

function said(texts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
}

function fieldSelector(terms: readonly FieldTerm[]): { fieldSelector?: FieldSelectorAttributes } {
  if (terms.length === 0) return {};
  const requirements = terms.map(({ field, equal, value }) => ({
    key: field,
    operator: equal ? 'In' : 'NotIn',
    values: [value],
  }));
  return { fieldSelector: { requirements } };
}

/** Comparisons have no word in a review: what is left out limits nothing. */
const OPERATORS: Readonly<Partial<Record<Operator, string>>> = {
  in: 'In',
  '=': 'In',
  '==': 'In',
  notin: 'NotIn',
  '!=': 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

function labelSelector(selector: Selector): { labelSelector?: LabelSelectorAttributes } {
  const requirements = selector.flatMap(({ key, operator, values }) => {
    const word = OPERATORS[operator];
    if (word === undefined) return [];
    return [{ key, operator: word, ...(values.length === 0 ? {} : { values: [...values] }) }];
  });
  return requirements.length === 0 ? {} : { labelSelector: { requirements } };
}
