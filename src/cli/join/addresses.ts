/**
 * By which addresses a machine that joins is known: one of each family that the cluster has. Pure.
 *
 * Source: `--node-ip` of upstream's kubelet (one address, or one of each family, the main one first).
 */
import { sameIp } from '#base/ip.ts';
import { parsePools } from '#load-balancer/pools.ts';
import { type Family, familiesIn, familyOf } from '../cluster-ranges.ts';
import { nodeIps } from '../kubelet/node-identity.ts';
import type { NodeConfig } from '../node-config.ts';
import { type Interfaces, isOuter, reachableAddresses } from '../own-addresses.ts';
import { UserError } from '../user-error.ts';

export interface AddressChoice {
  /** `--node-ip`. */
  readonly given: string | undefined;
  readonly cluster: Pick<NodeConfig, 'podCidr' | 'loadBalancerPools'>;
  /** That of this machine which the API server sees; undefined: nobody can tell. */
  readonly seen: string | undefined;
  readonly interfaces: Interfaces;
}

/**
 * Two that were given keep their order, of all else the cluster's main family is the first. What was
 * not given is what the API server sees, or is on the same interface, or is the machine's first.
 * Throws UserError.
 */
export function joinAddresses(
  choice: AddressChoice,
): Pick<NodeConfig, 'address' | 'secondAddress'> {
  const { given = '', cluster, interfaces } = choice;
  const families = familiesIn(cluster.podCidr);
  const asked = nodeIps(given);
  for (const ip of asked) checkGiven(ip, families, interfaces);
  const ranked = ranking(choice, asked);
  const found = families.map(
    (family) => ranked.find((each) => familyOf(each) === family) ?? refuse(family, families),
  );
  const [address = '', secondAddress] = asked.length > 1 ? asked : found;
  return secondAddress === undefined ? { address } : { address, secondAddress };
}

/** The best first. */
function ranking({ seen, cluster, interfaces }: AddressChoice, asked: readonly string[]): string[] {
  const own = reachableAddresses(parsePools(cluster.loadBalancerPools ?? []), interfaces);
  const towards = own.filter(({ address }) => address === seen);
  const main = asked[0] ?? seen;
  const device = main === undefined ? undefined : deviceOf(main, interfaces);
  const beside = own.filter((each) => each.device === device);
  const others = [...towards, ...beside, ...own.filter(isOuter)];
  return [...asked, ...others.map(({ address }) => address)];
}

function deviceOf(ip: string, interfaces: Interfaces): string | undefined {
  return Object.entries(interfaces).find(([, all]) =>
    all?.some(({ address }) => sameIp(address, ip)),
  )?.[0];
}

function checkGiven(ip: string, families: readonly Family[], interfaces: Interfaces): void {
  if (deviceOf(ip, interfaces) === undefined)
    throw new UserError(`Cannot use --node-ip ${ip}: no interface of this machine has it.`);
  if (!families.includes(familyOf(ip)))
    throw new UserError(
      `Cannot use --node-ip ${ip}: the pods of the cluster have addresses of IPv${families.join(' and IPv')} alone.`,
    );
}

function refuse(family: Family, families: readonly Family[]): never {
  const both = families.length > 1 ? 'IPV4,IPV6' : `IPV${family}`;
  throw new UserError(
    `Cannot join: the pods of the cluster have addresses of IPv${families.join(' and IPv')}, and this machine has none of IPv${family} that others reach. ` +
      `Give an interface one that the cluster's machines reach (ip address add …), or name it with --node-ip ${both}.`,
  );
}
