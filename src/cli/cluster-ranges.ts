/**
 * The ranges of addresses of a cluster's pods and Services: one of IPv4, or one of each family
 * between commas, either first. The first family is the one that Services have unless they ask for
 * more, and that nodes and pods are known by. Pure.
 *
 * Source: the names and the form of kubeadm's flags `--pod-network-cidr` and `--service-cidr`; the
 * documentation "IPv4/IPv6 dual-stack"; of the sizes of a node's part the defaults of
 * kube-controller-manager (`--node-cidr-mask-size-ipv4` and `-ipv6`), v1.36.
 */
import {
  formatCidr,
  formatIp,
  type IpRange,
  nthAddress,
  parseCidr,
  rangesOverlap,
} from '#base/ip.ts';
import { UserError } from './user-error.ts';

export type Family = IpRange['family'];

/** What was given; undefined: nothing. */
export interface RangeFlags {
  readonly podNetworkCidr?: string;
  readonly serviceCidr?: string;
}

/** As text: one CIDR, or one of each family between commas, both in the same order. */
export interface ClusterRanges {
  readonly podCidr: string;
  readonly serviceClusterIpRange: string;
}

type Defaults = Readonly<Record<Family, string>>;

const PODS: Defaults = { 4: '10.244.0.0/16', 6: 'fd00:10:244::/48' };
const SERVICES: Defaults = { 4: '10.96.0.0/16', 6: 'fd00:10:96::/112' };
/** Of the nodes of one machine, and of the machine towards them. */
export const NODES: Defaults = { 4: '10.245.0.0/24', 6: 'fd00:10:245::/64' };

export const RANGE_DEFAULTS: ClusterRanges = {
  podCidr: PODS[4],
  serviceClusterIpRange: SERVICES[4],
};

/** The prefix of a node's part, and of the largest range that can be cut into such parts. */
const NODE_PREFIX = { 4: 24, 6: 64 } as const;
const POD_PREFIX_MIN = { 4: 8, 6: 48 } as const;
/** The cluster DNS has the tenth address of Services; upstream takes no more of IPv6 than a /64. */
const SERVICE_PREFIX_MAX = { 4: 28, 6: 124 } as const;
const SERVICE_PREFIX_MIN = { 4: 8, 6: 64 } as const;
/** Addresses that are no hosts', or mean something else on each machine (RFC 6890). */
const SPECIAL = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/96',
  'fe80::/10',
  'ff00::/8',
];

/** The ranges of a text that was checked, each as text. */
export function rangesIn(text: string): string[] {
  return text.split(',').map((range) => range.trim());
}

/** The families of the ranges of a text that was checked, in its order. */
export function familiesIn(text: string): Family[] {
  return rangesIn(text).map(familyOf);
}

/** Of an address or a range, as text. */
export function familyOf(text: string): Family {
  return text.includes(':') ? 6 : 4;
}

/** How long the prefix of a single address of this family is. */
export function hostPrefix(address: string): number {
  return familyOf(address) === 4 ? 32 : 128;
}

/** Of the range that Services get addresses of first: for the Service `kubernetes`, and for the DNS. */
export function serviceAddresses({
  serviceClusterIpRange,
}: Pick<ClusterRanges, 'serviceClusterIpRange'>): {
  readonly kubernetesAddress: string;
  readonly dnsAddress: string;
} {
  const [first = ''] = rangesIn(serviceClusterIpRange);
  return { kubernetesAddress: addressAt(first, 1), dnsAddress: addressAt(first, 10) };
}

/** The `nth` address of a range. Throws a TypeError where there is none. */
export function addressAt(cidr: string, nth: number): string {
  const range = parseCidr(cidr);
  const address = range === undefined ? undefined : nthAddress(range, nth);
  if (address === undefined) throw new TypeError(`${cidr} has no address ${nth}`);
  return formatIp(address);
}

/**
 * The ranges of a cluster: as given, or as they were (`known`), or the default of the families of
 * the other one. What was chosen once stays. `nodes`: how many take a part of the pods' range at
 * least. Throws UserError.
 */
export function chooseRanges(
  { podNetworkCidr, serviceCidr }: RangeFlags,
  known: ClusterRanges | undefined,
  nodes = 1,
): ClusterRanges {
  const pods = podNetworkCidr === undefined ? undefined : parsed(POD_FLAG, podNetworkCidr);
  const services = serviceCidr === undefined ? undefined : parsed(SERVICE_FLAG, serviceCidr);
  const chosen: ClusterRanges = {
    podCidr: pods?.text ?? known?.podCidr ?? defaultLike(services, PODS),
    serviceClusterIpRange:
      services?.text ?? known?.serviceClusterIpRange ?? defaultLike(pods, SERVICES),
  };
  if (known !== undefined) {
    refuseChange(POD_FLAG, known.podCidr, chosen.podCidr);
    refuseChange(SERVICE_FLAG, known.serviceClusterIpRange, chosen.serviceClusterIpRange);
  }
  checkTogether(chosen, nodes);
  return chosen;
}

const POD_FLAG = '--pod-network-cidr';
const SERVICE_FLAG = '--service-cidr';

interface Parsed {
  readonly text: string;
  readonly families: readonly Family[];
}

function defaultLike(other: Parsed | undefined, defaults: Defaults): string {
  return (other?.families ?? [4]).map((family) => defaults[family]).join(',');
}

function parsed(flag: string, given: string): Parsed {
  const refuse = (why: string): never => {
    throw new UserError(`Cannot use ${flag} ${JSON.stringify(given)}: ${why}.`);
  };
  const ranges = rangesIn(given).map(
    (text) => parseCidr(text) ?? refuse(`${JSON.stringify(text)} is no CIDR, as 10.244.0.0/16 is`),
  );
  if (ranges.length > 2) refuse('give one range, or one of each family');
  const families = ranges.map(({ family }) => family);
  if (ranges.length === 2 && families[0] === families[1])
    refuse(`both ranges are of IPv${families[0]}: give one of each family`);
  if (!families.includes(4))
    refuse('there is no cluster of IPv6 alone: give a range of IPv4 too, before it or behind it');
  for (const range of ranges) {
    const special = SPECIAL.find((each) => overlap(each, formatCidr(range)));
    if (special !== undefined)
      refuse(`${formatCidr(range)} has addresses of ${special} in it, which are not for hosts`);
    const problem = flag === POD_FLAG ? podProblem(range) : serviceProblem(range);
    if (problem !== undefined) refuse(`${formatCidr(range)} is too ${problem}`);
  }
  return { text: ranges.map(formatCidr).join(','), families };
}

function podProblem({ family, prefix }: IpRange): string | undefined {
  const [largest, node] = [POD_PREFIX_MIN[family], NODE_PREFIX[family]];
  if (prefix > node) return `small: each node takes a /${node} of it`;
  return prefix < largest
    ? `large: a /${largest} is the largest that nodes get parts of`
    : undefined;
}

function serviceProblem({ family, prefix }: IpRange): string | undefined {
  const [largest, smallest] = [SERVICE_PREFIX_MIN[family], SERVICE_PREFIX_MAX[family]];
  if (prefix > smallest)
    return `small: a /${smallest} is the smallest with room for the cluster's own Services`;
  return prefix < largest ? `large: a /${largest} is the largest` : undefined;
}

function refuseChange(flag: string, before: string, now: string): void {
  if (before === now) return;
  throw new UserError(
    `Cannot use ${flag} ${JSON.stringify(now)}: the range of this cluster is ${before}, and its objects have addresses of it. ` +
      'Start over with --reset (which deletes all of the cluster), or make another one with --data-dir.',
  );
}

function checkTogether({ podCidr, serviceClusterIpRange }: ClusterRanges, nodes: number): void {
  const [pods, services] = [familiesIn(podCidr), familiesIn(serviceClusterIpRange)];
  if (pods.join() !== services.join())
    throw new UserError(
      `Cannot use the ranges ${podCidr} for pods and ${serviceClusterIpRange} for Services together: both have to be of the same families, in the same order.`,
    );
  const named = [
    ...rangesIn(podCidr).map((range) => [POD_FLAG, range] as const),
    ...rangesIn(serviceClusterIpRange).map((range) => [SERVICE_FLAG, range] as const),
    ...Object.values(NODES).map((range) => ['the nodes of one machine', range] as const),
  ];
  for (const [at, [name, range]] of named.entries())
    for (const [other, second] of named.slice(at + 1))
      if (overlap(range, second))
        throw new UserError(
          `Cannot use ${range} (${name}) and ${second} (${other}) together: they have addresses in common.`,
        );
  for (const range of rangesIn(podCidr)) {
    const parts = 2 ** (NODE_PREFIX[familyOf(range)] - Number(range.split('/')[1]));
    if (parts < nodes)
      throw new UserError(
        `Cannot use ${POD_FLAG} ${range} with ${nodes} nodes: each takes a /${NODE_PREFIX[familyOf(range)]}, and there are ${parts} in it.`,
      );
  }
}

function overlap(left: string, right: string): boolean {
  const [a, b] = [parseCidr(left), parseCidr(right)];
  return a !== undefined && b !== undefined && rangesOverlap(a, b);
}
