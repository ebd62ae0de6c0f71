/** The ports of a policy's rule, as keys of a set of `inet_proto . inet_service`. Pure. */
import type { NetworkPolicyPort } from '#api/gen/networking-v1.ts';
import type { PolicyPod } from './pods.ts';

export interface PortRange {
  readonly protocol: string;
  readonly first: number;
  readonly last: number;
}

export interface PortName {
  readonly protocol: string;
  readonly name: string;
}

/** Numbers say themselves which ports they are; names are ports of the pod that is spoken to. */
export interface Ports {
  readonly ranges: readonly PortRange[];
  readonly names: readonly PortName[];
}

const PORT_MAX = 65_535;

/** Undefined: every port, and protocols that have none. */
export function portsOf(ports: readonly NetworkPolicyPort[] | undefined): Ports | undefined {
  if (ports === undefined || ports.length === 0) return undefined;
  const ranges: PortRange[] = [];
  const names: PortName[] = [];
  for (const { protocol: upper = 'TCP', port, endPort } of ports) {
    const protocol = upper.toLowerCase();
    if (port === undefined) ranges.push({ protocol, first: 0, last: PORT_MAX });
    else if (typeof port === 'string') names.push({ protocol, name: port });
    else ranges.push({ protocol, first: port, last: endPort ?? port });
  }
  return { ranges: joined(ranges), names };
}

/** A set takes no two ranges that overlap. */
function joined(ranges: readonly PortRange[]): PortRange[] {
  const sorted = ranges.toSorted(
    (a, b) => a.protocol.localeCompare(b.protocol, 'en') || a.first - b.first,
  );
  const result: PortRange[] = [];
  for (const range of sorted) {
    const last = result.at(-1);
    if (last?.protocol !== range.protocol || last.last + 1 < range.first) result.push(range);
    else result[result.length - 1] = { ...last, last: Math.max(last.last, range.last) };
  }
  return result;
}

export function portRangeText({ protocol, first, last }: PortRange): string {
  return `${protocol} . ${first === last ? first : `${first}-${last}`}`;
}

/** `tcp . 80`: the ports of `pod` that have one of `names`; a name that it does not have is none. */
export function namedPortKeys(pod: PolicyPod, names: readonly PortName[]): string[] {
  return names.flatMap(({ protocol, name }) => {
    const port = pod.ports.find((each) => each.name === name && each.protocol === protocol);
    return port === undefined ? [] : [`${protocol} . ${port.number}`];
  });
}
