/** A SubjectAccessReview's question as the authorizers take it. Upstream: registry/authorization/util. */
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ResourceAttributes,
  SubjectAccessReviewSpec,
} from '#api/gen/authorization-v1.ts';
import { type FieldTerm, parseFieldSelector } from '#api/meta/field-selector.ts';
import type { Operator, Selector } from '#api/meta/labels.ts';
import { isLabelValue, isQualifiedName } from '#api/meta/names.ts';
import { parseSelector, SelectorSyntaxError } from '#api/meta/selector-parser.ts';
import { type AuthorizationAttributes, readable } from '../authz/authorizer.ts';
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
    ...labelsOf(resource?.labelSelector),
  };
}

type LabelRequirement = NonNullable<LabelSelectorAttributes['requirements']>[number];

/** What cannot be told as a term is left out: it limits nothing. */
function fieldTerms(selector: FieldSelectorAttributes | undefined): readonly FieldTerm[] {
  const { rawSelector } = selector ?? {};
  if (rawSelector) return readable(() => parseFieldSelector(rawSelector));
  return (selector?.requirements ?? []).flatMap(({ key, operator, values = [] }) => {
    const [value, another] = values;
    if (value === undefined || another !== undefined || (operator !== 'In' && operator !== 'NotIn'))
      return [];
    return [{ field: key, equal: operator === 'In', value }];
  });
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** As those of fields: what cannot be told is left out. */
function labelsOf(selector: LabelSelectorAttributes | undefined): { labels?: () => Selector } {
  if (selector === undefined) return {};
  const { rawSelector = '', requirements = [] } = selector;
  if (requirements.length === 0)
    return rawSelector === '' ? {} : { labels: () => readable(() => parseSelector(rawSelector)) };
  return {
    labels: () =>
      requirements.flatMap((requirement) => {
        const { key, operator, values = [] } = requirement;
        const known = OPERATORS[operator];
        return known === undefined || !isLabelTerm(requirement)
          ? []
          : [{ key, operator: known, values }];
      }),
  };
}

/** What upstream tells of selectors that it could not read, in part or whole. */
export function selectorErrors(resource: ResourceAttributes | undefined): string[] {
  return [
    ...selectorError('fieldSelector', fieldReadings(resource?.fieldSelector)),
    ...selectorError('labelSelector', labelReadings(resource?.labelSelector)),
  ];
}

/** Of each part of a selector, whether it could be read. */
function selectorError(name: string, readings: readonly boolean[]): string[] {
  if (!readings.includes(false)) return [];
  const part = readings.includes(true) ? 'partially ' : '';
  return [`spec.resourceAttributes.${name} ${part}ignored due to parse error`];
}

function fieldReadings(selector: FieldSelectorAttributes | undefined): boolean[] {
  const requirements = selector?.requirements ?? [];
  if (requirements.length > 0)
    return requirements.map(
      ({ operator, values = [] }) =>
        values.length === 1 && (operator === 'In' || operator === 'NotIn'),
    );
  return [isReadable(() => parseFieldSelector(selector?.rawSelector ?? ''))];
}

function labelReadings(selector: LabelSelectorAttributes | undefined): boolean[] {
  const requirements = selector?.requirements ?? [];
  if (requirements.length === 0)
    return [isReadable(() => parseSelector(selector?.rawSelector ?? ''))];
  return requirements.map(isLabelTerm);
}

function isLabelTerm(requirement: Partial<LabelRequirement>): boolean {
  const { key = '', operator, values = [] } = requirement;
  const isSet = operator === 'In' || operator === 'NotIn';
  const isPresence = operator === 'Exists' || operator === 'DoesNotExist';
  const fits = isSet ? values.length > 0 : isPresence && values.length === 0;
  const isValid = values.every((value) => isLabelValue(value).length === 0);
  return fits && isValid && isQualifiedName(key).length === 0;
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof SelectorSyntaxError) return false;
    throw error;
  }
}
