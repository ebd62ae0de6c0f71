/**
 * A recount never says that less is used than there is.
 *
 * Who counts looks at caches of its own, and its answer is on the way for a while: objects that were
 * charged before it may not be in it. Where a status takes something from what was used, or has a
 * limit that the quota did not have, this server counts what its own cache shows, adds what is
 * charged and not stored yet, and puts in the greater number. Whatever is charged after that changes
 * the quota, and the write of the status conflicts.
 *
 * Upstream takes the word of whoever writes the status: there a stale recount makes room for more
 * than the limit.
 */
import { compareQuantity } from '#api/codec/quantity.ts';
import { addResources, type ResourceList } from '#api/core/resources.ts';
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Evaluator, QuotaWorld } from '#api/quota/evaluator.ts';
import { countedResource, MEASURING_EVALUATORS } from '#api/quota/evaluators.ts';
import { isInScopes, scopesOf } from '#api/quota/scopes.ts';
import type { Environment } from '#base/env.ts';
import { Turns } from '../../turns.ts';
import type { ObjectReader } from '../admission.ts';
import type { ChargeLedger } from './ledger.ts';

export interface RecountServices {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly ledger: ChargeLedger;
  readonly world: () => QuotaWorld;
}

/** Raises what `next` says to be used to what is, where that is in doubt. Changes `next`. */
export async function raiseToWhatIs(
  services: RecountServices,
  next: ResourceQuota,
  old: ResourceQuota,
): Promise<void> {
  const { status } = next;
  const told = status?.used ?? {};
  const doubtful = Object.keys(told).filter((name) => isDoubtful(name, told[name] ?? '0', old));
  if (status === undefined || doubtful.length === 0) return;
  await services.reader.catchUp();
  const there = await usedNow(services, old, doubtful);
  const raised = doubtful.filter(
    (name) => compareQuantity(there[name] ?? '0', told[name] ?? '0') > 0,
  );
  const used = { ...told, ...Object.fromEntries(raised.map((name) => [name, there[name] ?? '0'])) };
  next.status = { ...status, used };
}

/**
 * What was told before and is not less now was right, and has been charged to since. Less than
 * nothing is no count: it is refused when the status is validated.
 */
function isDoubtful(name: string, told: string, { status }: ResourceQuota): boolean {
  if (compareQuantity(told, '0') < 0) return false;
  const before = status?.used?.[name];
  if (before === undefined || status?.hard?.[name] === undefined) return true;
  return compareQuantity(told, before) < 0;
}

async function usedNow(
  { environment, reader, ledger, world: worldNow }: RecountServices,
  quota: ResourceQuota,
  names: readonly string[],
): Promise<ResourceList> {
  const namespace = quota.metadata?.namespace ?? '';
  const scopes = scopesOf(quota.spec);
  const world = worldNow();
  // All of one moment; the rest of the work may take longer.
  const measured = measuring(names, world).map((evaluator) => ({
    evaluator,
    objects: asOfNow(reader.list(targetOf(evaluator), namespace)),
  }));
  let used = addResources(ledger.pending(quota, reader), counts(reader, names, quota));
  const turns = new Turns(environment);
  for (const { evaluator, objects } of measured) {
    for (const object of objects) {
      if (turns.isOver()) await turns.next();
      if (isInScopes(evaluator, object, scopes))
        used = addResources(used, evaluator.usage(object, world));
    }
  }
  return used;
}

function measuring(names: readonly string[], world: QuotaWorld): Evaluator[] {
  return MEASURING_EVALUATORS.filter((each) => names.some((name) => each.covers(name, world)));
}

function targetOf({ resource: { group, resource } }: Evaluator): { group: string; plural: string } {
  return { group, plural: resource };
}

/** What is only counted. No object of it is in a scope. */
function counts(
  reader: ObjectReader,
  names: readonly string[],
  { metadata, spec }: ResourceQuota,
): ResourceList {
  if (scopesOf(spec).length > 0) return {};
  const counted: Record<string, string> = {};
  for (const name of names) {
    const resource = countedResource(name);
    const isMeasured = MEASURING_EVALUATORS.some(
      (each) =>
        each.resource.group === resource?.group && each.resource.resource === resource.resource,
    );
    if (resource === undefined || isMeasured) continue;
    const target = { group: resource.group, plural: resource.resource };
    counted[name] = String(reader.count(target, metadata?.namespace ?? ''));
  }
  return counted;
}

/** The list as it is at this moment, read as it is walked. */
function asOfNow<T extends KubeObject>(list: Iterable<T>): Iterable<T> {
  const iterator = list[Symbol.iterator]();
  let step = iterator.next();
  return {
    *[Symbol.iterator]() {
      for (; step.done !== true; step = iterator.next()) yield step.value;
    },
  };
}
