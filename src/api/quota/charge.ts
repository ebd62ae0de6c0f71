/**
 * What a write costs the quotas of its namespace, or why one of them refuses it. Pure.
 *
 * Upstream: CheckRequest in staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/
 * controller.go, v1.36.
 */
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import { canonicalQuantity, compareQuantity, subtractQuantity } from '../codec/quantity.ts';
import { addResources, type ResourceList } from '../core/resources.ts';
import type { Evaluator, QuotaWorld, QuotaWrite } from './evaluator.ts';
import {
  type LimitedResource,
  type LimitedUse,
  scopesText,
  uncoveredNames,
  uncoveredScopes,
} from './limited.ts';
import { isInScopes, scopesOf } from './scopes.ts';

/** A quota, and what is used of it with all that was let in before. */
export interface RunningQuota {
  readonly quota: ResourceQuota;
  readonly used: ResourceList;
}

export interface Demand {
  readonly evaluator: Evaluator;
  readonly write: QuotaWrite;
  readonly world: QuotaWorld;
  /** What this write has been charged already, by the uid of the quota. */
  readonly charged?: ReadonlyMap<string, ResourceList> | undefined;
  /** What may not be used without a quota. */
  readonly limited?: readonly LimitedResource[];
}

/** What is to be added to what is used of `quota`. */
export interface Charge {
  readonly quota: ResourceQuota;
  readonly amounts: ResourceList;
}

/**
 * The charges of a write, none where it costs nothing; or the message of its refusal; or of a
 * failure, as upstream has it where a limited scope has no quota.
 */
export type Verdict =
  | { readonly charges: readonly Charge[] }
  | { readonly refused: string }
  | { readonly failed: string };

export function verdictOn(quotas: readonly RunningQuota[], demand: Demand): Verdict {
  const { evaluator, write, world, limited = [] } = demand;
  const matching: RunningQuota[] = [];
  const covered = new Set<string>();
  for (const each of quotas) {
    const names = namesOf(each.quota, demand);
    if (names.length === 0 || !isInScopesOf(each.quota, demand, write.object)) continue;
    const refused = unfit(each, names, demand);
    if (refused !== undefined) return { refused };
    matching.push(each);
    for (const name of names) covered.add(name);
  }
  if (matching.length === 0 && limited.length === 0) return { charges: [] };
  const usage = evaluator.usage(write.object, world);
  const negative = Object.keys(usage).filter(
    (name) => compareQuantity(usage[name] ?? '0', '0') < 0,
  );
  if (negative.length > 0)
    return { refused: `quota usage is negative for resource(s): ${negative.toSorted().join(',')}` };
  const due = matching
    .map((each) => ({ each, amounts: dueOf(each.quota, usage, demand) }))
    .filter(({ amounts }) => Object.keys(amounts).length > 0);
  const isNewTo = ({ quota }: RunningQuota): boolean =>
    write.old !== undefined && !isInScopesOf(quota, demand, write.old);
  const costs = hasGrown(usage, demand) || matching.some(isNewTo);
  const all = quotas.map(({ quota }) => quota);
  const uncovered = costs ? withoutQuota({ usage, covered, quotas: all }, demand) : undefined;
  if (uncovered !== undefined) return uncovered;
  const charges: Charge[] = [];
  for (const { each, amounts } of due) {
    // What a status says has happened already.
    const refused = write.subresource === 'status' ? undefined : excess(each, amounts);
    if (refused !== undefined) return { refused };
    charges.push({ quota: each.quota, amounts });
  }
  return { charges };
}

/** Whether the object uses more than before, of whatever there is. */
function hasGrown(usage: ResourceList, { evaluator, write, world }: Demand): boolean {
  const before = write.old === undefined ? {} : evaluator.usage(write.old, world);
  return Object.entries(usage).some(
    ([name, amount]) => compareQuantity(amount, before[name] ?? '0') > 0,
  );
}

/** What is limited, and used without a quota for it. */
function withoutQuota(
  use: Pick<LimitedUse, 'usage' | 'covered' | 'quotas'>,
  { evaluator, write, limited = [] }: Demand,
): Verdict | undefined {
  const whole = { ...use, evaluator, object: write.object };
  const names = uncoveredNames(limited, whole);
  if (names.length > 0) return { refused: `insufficient quota to consume: ${names.join(',')}` };
  const scopes = uncoveredScopes(limited, whole);
  if (scopes.length === 0) return undefined;
  return { failed: `insufficient quota to match these scopes: ${scopesText(scopes)}` };
}

/** The limits of the quota that are about the resource of the write. */
function namesOf({ status }: ResourceQuota, { evaluator, world }: Demand): string[] {
  return Object.keys(status?.hard ?? {}).filter((name) => evaluator.covers(name, world));
}

function isInScopesOf(
  { spec }: ResourceQuota,
  { evaluator }: Demand,
  object: QuotaWrite['object'],
): boolean {
  return isInScopes(evaluator, object, scopesOf(spec));
}

/** Why nothing can be charged to the quota, whatever it costs. */
function unfit(
  { quota, used }: RunningQuota,
  names: readonly string[],
  { evaluator, write }: Demand,
): string | undefined {
  const name = quota.metadata?.name ?? '';
  const objection = evaluator.objection?.(write.object, names);
  if (objection !== undefined) return `failed quota: ${name}: ${objection}`;
  if (names.every((each) => used[each] !== undefined)) return undefined;
  return `status unknown for quota: ${name}, resources: ${names.toSorted().join(',')}`;
}

/** What the quota is still to be charged: of an object that it had before, only the growth. */
function dueOf(quota: ResourceQuota, usage: ResourceList, demand: Demand): ResourceList {
  const { evaluator, write, world } = demand;
  const { old } = write;
  const before =
    old !== undefined && isInScopesOf(quota, demand, old) ? evaluator.usage(old, world) : {};
  const charged = demand.charged?.get(quota.metadata?.uid ?? '') ?? {};
  const due: Record<string, string> = {};
  for (const [name, amount] of Object.entries(usage)) {
    if (quota.status?.hard?.[name] === undefined) continue;
    const grown = [before[name], charged[name]].reduce<string>(
      (rest, known) => (known === undefined ? rest : subtractQuantity(rest, known)),
      amount,
    );
    if (compareQuantity(grown, '0') > 0) due[name] = grown;
  }
  return due;
}

function excess({ quota, used }: RunningQuota, amounts: ResourceList): string | undefined {
  const hard = quota.status?.hard ?? {};
  const sum = addResources(used, amounts);
  const names = Object.keys(amounts)
    .filter((name) => compareQuantity(sum[name] ?? '0', hard[name] ?? '0') > 0)
    .toSorted();
  if (names.length === 0) return undefined;
  const shown = (list: ResourceList): string =>
    names.map((name) => `${name}=${canonicalQuantity(list[name] ?? '0')}`).join(',');
  return `exceeded quota: ${quota.metadata?.name ?? ''}, requested: ${shown(amounts)}, used: ${shown(used)}, limited: ${shown(hard)}`;
}
