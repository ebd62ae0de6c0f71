/**
 * Label selectors: matching, printing.
 *
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and upstream
 * staging/src/k8s.io/apimachinery/pkg/labels/selector.go.
 */
import type { LabelSelector } from './object.ts';

export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

/** All requirements must hold. The empty list selects everything. */
export type Selector = readonly Requirement[];

export type Labels = Readonly<Record<string, string>> | undefined;

/** Whether `labels` meet every requirement of `selector`. */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  for (const requirement of selector) if (!meets(requirement, labels)) return false;
  return true;
}

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value);
    case 'gt':
    case 'lt': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const [left, right] = [BigInt(value), BigInt(values[0] ?? '0')];
      return operator === 'gt' ? left > right : left < right;
    }
  }
}

/** A LabelSelector object: undefined selects nothing, an empty one everything. */
export function selectorOf(selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => ({ key, operator: '=', values: [value] }),
  );
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (operator === 'In') requirements.push({ key, operator: 'in', values: values ?? [] });
    else if (operator === 'NotIn')
      requirements.push({ key, operator: 'notin', values: values ?? [] });
    else if (operator === 'Exists') requirements.push({ key, operator: 'exists', values: [] });
    else requirements.push({ key, operator: '!', values: [] });
  }
  return requirements;
}

/** Whether a LabelSelector object selects `labels`. */
export function labelSelectorMatches(selector: LabelSelector | undefined, labels: Labels): boolean {
  const requirements = selectorOf(selector);
  return requirements !== undefined && matchesSelector(requirements, labels);
}

/** A map of labels as a selector (Service.spec.selector). Empty or absent selects nothing. */
export function matchesMap(selector: Labels, labels: Labels): boolean {
  const entries = Object.entries(selector ?? {});
  return entries.length > 0 && entries.every(([key, value]) => labels?.[key] === value);
}

export function byKey(left: Requirement, right: Requirement): number {
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

/** As upstream prints selectors: requirements sorted by key. */
export function formatSelector(selector: Selector): string {
  return selector.toSorted(byKey).map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.toSorted().join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

/** As Go prints the struct, where upstream has no other form of it. */
export function selectorAsStruct({
  matchLabels = {},
  matchExpressions = [],
}: LabelSelector): string {
  const labels = Object.keys(matchLabels)
    .toSorted()
    .map((key) => `${key}: ${matchLabels[key] ?? ''},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
