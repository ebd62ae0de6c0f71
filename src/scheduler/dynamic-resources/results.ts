/**
 * The devices that a claim was given, as its status says it: each device, what is to be configured,
 * and from where they can be reached.
 *
 * Source: upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go
 * (Allocate, createNodeSelector).
 */
import type { NodeSelector, NodeSelectorRequirement } from '#api/gen/core-v1.ts';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '#api/gen/resource-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { requestsOf, type Wanted } from './requests.ts';
import type { Choice } from './search.ts';

export interface ResultOptions {
  readonly node: string;
  readonly newShareId: () => string;
}

export function allocationOf(
  claim: ResourceClaim,
  choices: readonly Choice[],
  { node, newShareId }: ResultOptions,
): AllocationResult {
  const config = [...classConfig(claim, choices), ...claimConfig(claim, choices)];
  const nodeSelector = nodesOf(choices, node);
  return {
    devices: {
      results: choices.map((choice) => resultOf(choice, newShareId)),
      ...(config.length === 0 ? {} : { config }),
    },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}

function resultOf(
  { candidate, request, consumed }: Choice,
  newShareId: () => string,
): DeviceRequestAllocationResult {
  const { driver, pool, device } = candidate;
  const { bindingConditions, bindingFailureConditions } = device;
  return {
    request: request.name,
    driver,
    pool,
    device: device.name,
    ...(request.adminAccess ? { adminAccess: true } : {}),
    ...(request.tolerations.length === 0 ? {} : { tolerations: [...request.tolerations] }),
    ...(bindingConditions === undefined ? {} : { bindingConditions }),
    ...(bindingFailureConditions === undefined ? {} : { bindingFailureConditions }),
    ...(consumed === undefined ? {} : { shareID: newShareId() }),
    ...(consumed === undefined || Object.keys(consumed).length === 0
      ? {}
      : { consumedCapacity: { ...consumed } }),
  };
}

/** Of each request the alternative that was chosen. */
function chosenFor(claim: ResourceClaim, choices: readonly Choice[]): readonly Wanted[] {
  return requestsOf(claim).flatMap(
    ({ name }) => choices.find(({ request }) => request.base === name)?.request ?? [],
  );
}

/** What a class says is told once, for all requests that are of it. */
function classConfig(
  claim: ResourceClaim,
  choices: readonly Choice[],
): DeviceAllocationConfiguration[] {
  const byClass = new Map<string, Wanted[]>();
  for (const wanted of chosenFor(claim, choices)) {
    const known = byClass.get(wanted.className) ?? [];
    known.push(wanted);
    byClass.set(wanted.className, known);
  }
  return [...byClass.values()].flatMap((wanted) =>
    (wanted[0]?.class.spec?.config ?? []).map((config) => ({
      ...config,
      source: 'FromClass' as const,
      requests: wanted.map(({ name }) => name),
    })),
  );
}

/** What the claim says of alternatives that were not chosen is left out. */
function claimConfig(
  claim: ResourceClaim,
  choices: readonly Choice[],
): DeviceAllocationConfiguration[] {
  const chosen = chosenFor(claim, choices);
  return (claim.spec?.devices.config ?? []).flatMap((config) => {
    const { requests = [] } = config;
    const told: DeviceAllocationConfiguration = { ...config, source: 'FromClaim' };
    if (requests.length === 0) return [told];
    return chosen
      .filter(({ base, name }) => requests.includes(base) || requests.includes(name))
      .map(() => told);
  });
}

/** Undefined: from everywhere. */
function nodesOf(choices: readonly Choice[], node: string): NodeSelector | undefined {
  const matchFields: NodeSelectorRequirement[] = [];
  const matchExpressions: NodeSelectorRequirement[] = [];
  for (const { candidate } of choices) {
    const { device, slice } = candidate;
    const of = slice.spec?.perDeviceNodeSelection === true ? device : slice.spec;
    if (of?.nodeName !== undefined || device.bindsToNode === true)
      return {
        nodeSelectorTerms: [
          { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] },
        ],
      };
    const [term] = of?.nodeSelector?.nodeSelectorTerms ?? [];
    addNew(matchFields, term?.matchFields);
    addNew(matchExpressions, term?.matchExpressions);
  }
  if (matchFields.length === 0 && matchExpressions.length === 0) return undefined;
  return {
    nodeSelectorTerms: [
      {
        ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
        ...(matchFields.length === 0 ? {} : { matchFields }),
      },
    ],
  };
}

function addNew(
  to: NodeSelectorRequirement[],
  from: readonly NodeSelectorRequirement[] = [],
): void {
  for (const each of from) if (!to.some((known) => isSame(known, each))) to.push(each);
}

function isSame(a: NodeSelectorRequirement, b: NodeSelectorRequirement): boolean {
  const values = ({ values = [] }: NodeSelectorRequirement) => [...new Set(values)].sort();
  return a.key === b.key && a.operator === b.operator && equalValues(values(a), values(b));
}
