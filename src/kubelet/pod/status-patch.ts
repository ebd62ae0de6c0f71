/**
 * The smallest strategic merge patch that turns one pod status into another.
 *
 * Pure. Conditions are merged by type and never removed, so that those of others stay (but for those
 * of a resize, which end with it); addresses are merged by address, and resources by name, so what is
 * gone is deleted by name; lists of containers are replaced.
 * Source: API reference v1.36, PodStatus (patch strategies). Upstream:
 * pkg/util/pod/pod.go (PatchPodStatus).
 */
import type { PodStatus } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';

type Fields = Record<string, unknown>;

/** Undefined when nothing differs. Zero values and absent ones are the same. */
export function statusPatch(from: PodStatus, to: PodStatus): Fields | undefined {
  const old: Fields = { ...from };
  const wanted: Fields = { ...to };
  const patch: Fields = {};
  for (const name of new Set([...Object.keys(old), ...Object.keys(wanted)])) {
    if (!OWNED.has(name) || equalValues(old[name], wanted[name])) continue;
    if (name === 'conditions') {
      const changed = changedConditions(from, to);
      if (changed.length > 0) patch[name] = changed;
    } else if (name === 'podIPs' || name === 'hostIPs') {
      patch[name] = mergedAddresses(from[name] ?? [], to[name] ?? []);
    } else if (name === 'resources' || name === 'allocatedResources') {
      patch[name] = mergedFields(old[name], wanted[name]);
    } else {
      patch[name] = wanted[name] ?? null;
    }
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** What the kubelet writes; the rest of the status is others'. */
const OWNED: ReadonlySet<string> = new Set([
  'observedGeneration',
  'phase',
  'conditions',
  'message',
  'reason',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'allocatedResources',
  'resources',
  'qosClass',
]);

/** Conditions that are there only while they hold. */
const PASSING: ReadonlySet<string> = new Set(['PodResizePending', 'PodResizeInProgress']);

function changedConditions(from: PodStatus, to: PodStatus): Fields[] {
  const isKept = (type: string): boolean =>
    to.conditions?.some((one) => one.type === type) === true;
  const over = (from.conditions ?? []).filter(({ type }) => PASSING.has(type) && !isKept(type));
  const deletions = over.map(({ type }) => ({ $patch: 'delete', type }));
  const changes = (to.conditions ?? []).flatMap((condition) => {
    const before = from.conditions?.find(({ type }) => type === condition.type);
    if (equalValues(before, condition)) return [];
    // What the new one does not say must not stay from the old one.
    const gone = Object.keys(before ?? {}).filter((key) => !(key in condition));
    return [{ ...Object.fromEntries(gone.map((key) => [key, null])), ...condition }];
  });
  return [...changes, ...deletions];
}

/** Of fields in fields: what differs, and null for what is gone. */
function mergedFields(from: unknown, to: unknown): unknown {
  if (to === undefined || typeof to !== 'object') return to ?? null;
  const [old, wanted] = [{ ...(from as Fields | undefined) }, { ...(to as Fields) }];
  const names = [...new Set([...Object.keys(old), ...Object.keys(wanted)])];
  const changed = names.filter((name) => !equalValues(old[name], wanted[name]));
  return Object.fromEntries(changed.map((name) => [name, mergedFields(old[name], wanted[name])]));
}

function mergedAddresses(
  from: readonly { readonly ip?: string }[],
  to: readonly { readonly ip?: string }[],
): Fields[] {
  const gone = from.filter((old) => !to.some(({ ip }) => ip === old.ip));
  const deletions = gone.map(({ ip }) => ({ $patch: 'delete', ip }));
  // The order is part of the meaning: the first is the main address.
  const order = to.map(({ ip }) => ({ ip }));
  return [...order, ...deletions];
}
