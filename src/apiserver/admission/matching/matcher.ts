/**
 * Whether a webhook or policy is for a request, but for its conditions: rules and selectors.
 *
 * Upstream: admission/plugin/webhook/generic/webhook.go (ShouldCallHook),
 * policy/matching/matching.go, webhook/predicates/{namespace,object}/matcher.go.
 */
import type { MatchResources, NamedRuleWithOperations } from '#api/gen/admissionregistration-v1.ts';
import type { Namespace } from '#api/gen/core-v1.ts';
import { matchesSelector, type Selector, selectorOf } from '#api/meta/labels.ts';
import { notFound } from '#api/meta/status.ts';
import type { ApiObject } from '../../api-object.ts';
import type { ObjectReader } from '../admission.ts';
import { NAMESPACES } from '../targets.ts';
import type { EquivalentResources } from './equivalents.ts';
import type { RequestView, ResourceMatch } from './request.ts';
import { type MatchPolicy, matchRules } from './rules.ts';

/** What is said of the requests that are meant, made ready once. */
export interface MatchCriteria {
  /** Undefined where all requests are meant that nothing else leaves out. */
  readonly rules: readonly NamedRuleWithOperations[] | undefined;
  readonly excludeRules: readonly NamedRuleWithOperations[];
  readonly matchPolicy: MatchPolicy;
  /** Undefined selects nothing. */
  readonly namespaceSelector: Selector | undefined;
  readonly objectSelector: Selector | undefined;
}

/** Of a webhook: without rules it is never called. */
export function webhookCriteria({
  rules = [],
  ...common
}: CommonCriteria & { readonly rules?: readonly NamedRuleWithOperations[] }): MatchCriteria {
  return { ...commonCriteria(common), rules, excludeRules: [] };
}

/** Of a policy or its binding: without rules all is meant that is not excluded. */
export function policyCriteria({
  resourceRules = [],
  excludeResourceRules = [],
  ...common
}: MatchResources): MatchCriteria {
  return {
    ...commonCriteria(common),
    rules: resourceRules.length === 0 ? undefined : resourceRules,
    excludeRules: excludeResourceRules,
  };
}

type CommonCriteria = Pick<MatchResources, 'matchPolicy' | 'namespaceSelector' | 'objectSelector'>;

function commonCriteria({ matchPolicy, namespaceSelector, objectSelector }: CommonCriteria) {
  return {
    matchPolicy: matchPolicy === 'Exact' ? ('Exact' as const) : ('Equivalent' as const),
    namespaceSelector: selectorOf(namespaceSelector),
    objectSelector: selectorOf(objectSelector),
  };
}

export interface MatcherServices {
  readonly reader: Pick<ObjectReader, 'get' | 'catchUp'>;
  readonly equivalents: EquivalentResources;
}

/**
 * As what the request is wanted; undefined: not at all. `object`: as the request has it by now.
 * Throws 404 where a selector needs a namespace that is not there.
 */
export async function matchRequest(
  services: MatcherServices,
  criteria: MatchCriteria,
  view: RequestView,
  object: ApiObject | undefined,
): Promise<ResourceMatch | undefined> {
  // Cheap, and no for most: first, though it makes no difference.
  const match = matchResources(services, criteria, view);
  if (match === undefined) return undefined;
  if (!matchesObject(criteria.objectSelector, view, object)) return undefined;
  return (await matchesNamespace(services, criteria.namespaceSelector, view, object))
    ? match
    : undefined;
}

function matchResources(
  { equivalents }: MatcherServices,
  { rules, excludeRules, matchPolicy }: MatchCriteria,
  view: RequestView,
): ResourceMatch | undefined {
  const others = () => equivalents.of(view.attributes.kind, view.subresource);
  if (matchRules(excludeRules, matchPolicy, view, others) !== undefined) return undefined;
  if (rules === undefined) return { resource: view.resource, kind: view.kind };
  return matchRules(rules, matchPolicy, view, others);
}

/** Either the object or what it was before; what has no labels to be selected by is not selected. */
function matchesObject(
  selector: Selector | undefined,
  view: RequestView,
  object: ApiObject | undefined,
): boolean {
  if (selector?.length === 0) return true;
  const selects = (one: ApiObject | undefined): boolean =>
    one !== undefined &&
    selector !== undefined &&
    view.operation !== 'CONNECT' &&
    matchesSelector(selector, one.metadata?.labels);
  return selects(object) || selects(view.attributes.old);
}

/** Objects of the cluster are always meant, but Namespaces, which have labels themselves. */
async function matchesNamespace(
  services: MatcherServices,
  selector: Selector | undefined,
  view: RequestView,
  object: ApiObject | undefined,
): Promise<boolean> {
  const isNamespace = view.resource.resource === 'namespaces';
  if (view.namespace === '' && !isNamespace) return true;
  if (selector?.length === 0) return true;
  const isWritten = view.operation === 'CREATE' || view.operation === 'UPDATE';
  const labels =
    isNamespace && view.subresource === '' && isWritten
      ? object?.metadata?.labels
      : await namespaceLabels(services, view.namespace);
  return selector !== undefined && matchesSelector(selector, labels);
}

async function namespaceLabels(services: MatcherServices, name: string) {
  return (await namespaceOf(services, name)).metadata?.labels;
}

/** The Namespace of this name, one that was made a moment ago too. Throws 404. */
export async function namespaceOf(
  { reader }: Pick<MatcherServices, 'reader'>,
  name: string,
): Promise<Namespace> {
  let namespace = reader.get(NAMESPACES, '', name);
  if (namespace === undefined) {
    await reader.catchUp();
    namespace = reader.get(NAMESPACES, '', name);
  }
  if (namespace === undefined) throw notFound({ group: '', resource: 'namespaces' }, name);
  return namespace as Namespace;
}
