/** Everything that can be tried in a world of the nine, and what the oracle says of it. */
import { type End, isAllowed, type Port } from './oracle.ts';
import { OUTSIDE } from './shapes.ts';
import { addressesOf, NINE, PORTS, type PolicyWorld } from './world.ts';

export interface Probe {
  /** `x/a`, or an address outside. */
  readonly from: string;
  readonly to: string;
  readonly fromAddress: string;
  readonly toAddress: string;
  readonly port: Port;
}

type Protocol = Port['protocol'];
type Family = 4 | 6;

/** Each to each, and each to and from outside; by these protocols, on both ports. */
export function probesOf(families: readonly Family[], protocols: readonly Protocol[]): Probe[] {
  return families.flatMap((family) =>
    pairsOf(family).flatMap(([from, to]) =>
      protocols.flatMap((protocol) =>
        PORTS.map((number) => ({
          from,
          to,
          fromAddress: addressOf(from, family),
          toAddress: addressOf(to, family),
          port: { protocol, number },
        })),
      ),
    ),
  );
}

export function isExpected(world: PolicyWorld, probe: Probe): boolean {
  const end = (name: string, address: string): End => ({ pod: world.pods.get(name), address });
  const from = end(probe.from, probe.fromAddress);
  return isAllowed(world, from, end(probe.to, probe.toAddress), probe.port);
}

/** For messages: `x/a → y/b TCP/80 (fd00::1)`. */
export function probeText({ from, to, toAddress, port }: Probe): string {
  return `${from} → ${to} ${port.protocol}/${port.number} (${toAddress})`;
}

function pairsOf(family: Family): [from: string, to: string][] {
  const outside = OUTSIDE.filter((address) => address.includes(':') === (family === 6));
  const pods = NINE.flatMap((from) => NINE.map((to): [string, string] => [from, to]));
  const strangers = NINE.flatMap((pod) =>
    outside.flatMap((address): [string, string][] => [
      [pod, address],
      [address, pod],
    ]),
  );
  return [...pods, ...strangers];
}

function addressOf(name: string, family: Family): string {
  const [v4, v6] = NINE.includes(name) ? addressesOf(name) : [name, name];
  return family === 4 ? v4 : v6;
}
