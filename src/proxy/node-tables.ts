/** The tables of a node whose pods' network is ours: one for each family that pods have. */
import { type IpFamily, IP_FAMILIES, familyOf } from './ip-family.ts';
import type { TableOptions } from './nftables.ts';

export interface NodeTables {
  readonly table: string;
  /** CIDRs of all pods of the cluster, between commas: one, or one of each family. */
  readonly podRange: string;
  /** CIDRs of Service addresses, likewise. */
  readonly serviceRange: string;
  /** CIDRs of addresses of load balancers that are this cluster's alone. */
  readonly loadBalancerRanges?: readonly string[];
  /** The bridge that pods of this node hang on. */
  readonly podInterface: string;
  readonly masqueradeAll: boolean;
}

/** Throws a TypeError when pods have no range. */
export function nodeTables(options: NodeTables): [TableOptions, ...TableOptions[]] {
  const { table, podInterface, masqueradeAll, loadBalancerRanges = [] } = options;
  const [first, ...more] = IP_FAMILIES.flatMap((family): TableOptions[] => {
    const [range] = ofFamily(options.podRange.split(','), family);
    if (range === undefined) return [];
    const services = ofFamily(options.serviceRange.split(','), family);
    return [
      {
        family,
        table,
        local: { kind: 'range', cidr: range },
        pods: { range, interface: podInterface },
        refusedRanges: [...services, ...ofFamily(loadBalancerRanges, family)],
        nodePortAddresses: undefined,
        masqueradeAll,
      },
    ];
  });
  if (first === undefined) throw new TypeError(`${options.podRange} is no range of pods`);
  return [first, ...more];
}

function ofFamily(ranges: readonly string[], family: IpFamily): string[] {
  return ranges.map((range) => range.trim()).filter((range) => familyOf(range) === family);
}
