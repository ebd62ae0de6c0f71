/**
 * What a pod asks for, in numbers: cpu in millicores, the rest in their base unit.
 *
 * Source: Kubernetes documentation, "Resource Management for Pods and Containers"; upstream
 * pkg/scheduler/framework/types.go (CalculateResource).
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { isPodLevelResource, podRequests, type ResourceList } from '#api/core/resources.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Amounts } from './framework.ts';

/** What a container that asks for nothing counts when nodes are scored. */
const ASSUMED: ResourceList = { cpu: '100m', memory: '200Mi' };

const NONE: ReadonlyMap<string, number> = new Map();

/** Amounts that can be added to in place. */
export interface MutableAmounts {
  cpu: number;
  memory: number;
  ephemeralStorage: number;
  others: Map<string, number>;
}

/** Amounts of a list of quantities. `pods` is none: it is a limit, not an amount. */
export function amountsOf(quantities: ResourceList): Amounts {
  const fixed = { cpu: 0, memory: 0, ephemeralStorage: 0 };
  let others: Map<string, number> | undefined;
  for (const [name, quantity] of Object.entries(quantities)) {
    if (name === 'cpu') fixed.cpu = quantityMilli(quantity);
    else if (name === 'memory') fixed.memory = quantityValue(quantity);
    else if (name === 'ephemeral-storage') fixed.ephemeralStorage = quantityValue(quantity);
    else if (name !== 'pods') {
      others ??= new Map();
      others.set(name, quantityValue(quantity));
    }
  }
  return { ...fixed, others: others ?? NONE };
}

/** The amount of one resource by its name. */
export function amountOf(amounts: Amounts, name: string): number {
  if (name === 'cpu') return amounts.cpu;
  if (name === 'memory') return amounts.memory;
  if (name === 'ephemeral-storage') return amounts.ephemeralStorage;
  return amounts.others.get(name) ?? 0;
}

/** total += sign × part. */
export function addAmounts(total: MutableAmounts, part: Amounts, sign: 1 | -1): void {
  total.cpu += sign * part.cpu;
  total.memory += sign * part.memory;
  total.ephemeralStorage += sign * part.ephemeralStorage;
  for (const [name, amount] of part.others)
    total.others.set(name, (total.others.get(name) ?? 0) + sign * amount);
}

/** Requests of the whole pod, overhead included; the greater of old and new during a resize. */
export function requestsOf(pod: Pod): Amounts {
  return amountsOf(podRequests(pod, { useStatus: true }));
}

/** For scores: as if each container asked for something. */
export function nonZeroRequests(pod: Pod): { cpu: number; memory: number } {
  const total = podRequests(pod, { useStatus: true, missing: assumedFor(pod) });
  return {
    cpu: quantityMilli(total['cpu'] ?? '0'),
    memory: quantityValue(total['memory'] ?? '0'),
  };
}

/** Where the pod asks as a whole, only what it leaves open is assumed. */
function assumedFor(pod: Pod): ResourceList {
  const asked = Object.keys(pod.spec?.resources?.requests ?? {});
  if (!asked.some(isPodLevelResource)) return ASSUMED;
  const known = podRequests(pod, { useStatus: true });
  return Object.fromEntries(Object.entries(ASSUMED).filter(([name]) => known[name] === undefined));
}
