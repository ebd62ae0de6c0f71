/**
 * Which node answers for an address. Pure: every node comes to the same answer by itself, from the
 * same objects.
 *
 * Of the nodes that may, the one whose name and the address together have the highest digest: when
 * one comes or goes, no other address moves than those that it gets or had.
 *
 * Source: upstream pkg/controller and cloud-provider controllers/service (which nodes are targets of
 * load balancers), v1.36; KEP-1143 for the label; rendezvous hashing (Thaler and Ravishankar, 1998).
 */
import { createHash } from 'node:crypto';
import type { Node, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';

export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** What the cluster autoscaler puts on a node before it takes it away. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';

export interface Speech {
  readonly address: string;
  readonly service: Service;
  /** Those of the Service. */
  readonly slices: readonly EndpointSlice[];
}

/** The name of the node; undefined: none may answer. */
export function speakerOf(
  { address, service, slices }: Speech,
  nodes: readonly Node[],
): string | undefined {
  const mustBeHere = service.spec?.externalTrafficPolicy === 'Local';
  const places = mustBeHere ? nodesWithEndpoints(slices) : undefined;
  const [first] = nodes
    .filter(maySpeak)
    .flatMap(({ metadata }) => metadata?.name ?? [])
    .filter((name) => places === undefined || places.has(name))
    .map((name) => ({ name, digest: digestOf(name, address) }))
    .toSorted((a, b) => (a.digest < b.digest ? 1 : -1));
  return first?.name;
}

function maySpeak({ metadata, spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return (
    ready?.status === 'True' &&
    metadata?.deletionTimestamp === undefined &&
    metadata?.labels?.[EXCLUDE_LABEL] === undefined &&
    !(spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT)
  );
}

function nodesWithEndpoints(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  return new Set(
    endpoints.flatMap(({ nodeName, conditions = {} }) =>
      nodeName !== undefined && conditions.ready !== false && conditions.terminating !== true
        ? [nodeName]
        : [],
    ),
  );
}

function digestOf(name: string, address: string): string {
  return createHash('sha256').update(`${name}/${address}`).digest('hex');
}
