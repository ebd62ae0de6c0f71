/** Which webhooks would have had their say: a fork must not call them. */
import { ruleMatches } from '#apiserver/admission/matching/rules.ts';
import type { RuleWithOperations } from '#api/gen/admissionregistration-v1.ts';
import type { LabelSelector } from '#api/gen/meta-v1.ts';
import { labelSelectorMatches } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { SeenWrite } from '../fork/write-log.ts';
import type { NotSimulated } from './plan-result.ts';

/** What webhooks say of what they want to see. */
interface Interest {
  readonly rules?: readonly RuleWithOperations[];
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly matchPolicy?: string;
}

interface Hook extends Interest {
  readonly name: string;
}

export interface WebhookFacts {
  readonly objects: readonly KubeObject[];
  readonly writes: readonly SeenWrite[];
  /** Of a namespace by its name. */
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>> | undefined;
}

/** Writes that are named for each webhook; more are left out. */
const EXAMPLES_MAX = 3;

/** A line for each webhook that concerns what was written. */
export function admissionNotAsked(facts: WebhookFacts): NotSimulated[] {
  return facts.objects.flatMap((object) =>
    hooksOf(object).flatMap((hook) => {
      const seen = facts.writes.filter((write) => concerns(hook, write, facts));
      if (seen.length === 0) return [];
      const { kind = '', metadata } = object;
      const name = metadata?.name ?? '';
      return [
        {
          what: hook.name === '' ? `${kind} ${name}` : `${kind} ${name}: ${hook.name}`,
          why: `not asked about: ${textOf(seen)}`,
        },
      ];
    }),
  );
}

function hooksOf(object: KubeObject): Hook[] {
  switch (object.kind) {
    case 'MutatingWebhookConfiguration':
    case 'ValidatingWebhookConfiguration':
      return (object as { readonly webhooks?: Hook[] }).webhooks ?? [];
    default:
      return [];
  }
}

function concerns(hook: Hook, write: SeenWrite, { labelsOf }: WebhookFacts): boolean {
  if (!(hook.rules ?? []).some((rule) => isNamed(rule, write, hook.matchPolicy))) return false;
  const labels = write.namespace === '' ? undefined : labelsOf(write.namespace);
  if (labels !== undefined && !selects(hook.namespaceSelector, labels)) return false;
  // Where the labels of the object are not known it may be meant.
  return write.labels === undefined || selects(hook.objectSelector, write.labels);
}

/** Selectors here select everything when they are empty or absent. */
function selects(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return selector === undefined || labelSelectorMatches(selector, labels);
}

/** Other versions of the resource are asked about in the version that the rule names. */
function isNamed(rule: RuleWithOperations, write: SeenWrite, matchPolicy = 'Equivalent'): boolean {
  const meant = matchPolicy === 'Equivalent' ? { ...rule, apiVersions: ['*'] } : rule;
  return ruleMatches(meant, write, write);
}

function textOf(writes: readonly SeenWrite[]): string {
  const words = writes.map(
    ({ operation, resource, subresource }) =>
      `${operation.toLowerCase()} ${resource}${subresource === '' ? '' : `/${subresource}`}`,
  );
  const each = [...new Set(words)].toSorted();
  const more = each.length - EXAMPLES_MAX;
  return `${each.slice(0, EXAMPLES_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
