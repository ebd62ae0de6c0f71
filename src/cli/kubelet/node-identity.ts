/**
 * Who the node is: its name, its addresses, its labels.
 *
 * Source: upstream v1.36 component-helpers/node/util/hostname.go, pkg/kubelet/nodestatus/setters.go
 * (NodeAddress), cmd/kubelet/app/options/options.go (ValidateKubeletFlags).
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { isLabelValue, isQualifiedName } from '#api/meta/names.ts';
import { UserError } from '../user-error.ts';

export interface NodeName {
  readonly name: string;
  readonly hostname: string;
}

/** Throws UserError. */
export function nodeName(override: string): NodeName {
  const name = (override === '' ? hostname() : override).trim().toLowerCase();
  if (name === '') throw new UserError('empty hostname is invalid');
  return { name, hostname: name };
}

/** Of the node; the first is the main one. Throws UserError. */
export function nodeAddresses(given: string, name: string): string[] {
  const ips = nodeIps(given);
  const [first = ''] = ips;
  if (ips.length > 0 && !['0.0.0.0', '::'].includes(first)) return ips;
  if (isIP(name) > 0) return [name];
  return [ownAddress(first === '::' ? 'IPv6' : 'IPv4')];
}

/** What `--node-ip` was given: an address, or one of each family between commas. Throws UserError. */
export function nodeIps(given: string): string[] {
  const ips = given.split(',').filter((ip) => ip !== '');
  const [first = '', second] = ips;
  const wrong = ips.find((ip) => isIP(ip) === 0);
  if (wrong !== undefined || ips.length > 2)
    throw new UserError(`bad --node-ip ${JSON.stringify(given)}`);
  if (second !== undefined && isIP(first) === isIP(second))
    throw new UserError(`bad --node-ip ${JSON.stringify(given)}: give one of each family`);
  return ips;
}

/** Of the interface of the default route, or of any. */
function ownAddress(preferred: 'IPv4' | 'IPv6'): string {
  const all = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
      .map(({ family, address }) => ({ name, family, address })),
  );
  const main = defaultInterface();
  const order = [
    (one: (typeof all)[number]) => one.name === main && one.family === preferred,
    (one: (typeof all)[number]) => one.family === preferred,
    () => true,
  ];
  const found = order.map((fits) => all.find(fits)).find((one) => one !== undefined);
  if (found !== undefined) return found.address;
  throw new UserError("can't get ip address of the node: give it with --node-ip");
}

/** Source: proc(5), `/proc/net/route`: the route to 00000000 is the default one. */
function defaultInterface(): string | undefined {
  const lines = readFileSync('/proc/net/route', 'utf8').split('\n');
  return lines.map((line) => line.split('\t')).find(([, to]) => to === '00000000')?.[0];
}

/** Labels of Kubernetes' own that a node may give itself. */
const OWN_LABELS = [
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
];
const OWN_NAMESPACES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

const isWithin = (namespace: string, suffix: string): boolean =>
  namespace === suffix || namespace.endsWith(`.${suffix}`);

/** `a=b` each. Throws UserError. */
export function nodeLabels(given: readonly string[]): Record<string, string> {
  const labels = given.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  const unknown = labels.map(([key]) => key).filter(isForbidden);
  if (unknown.length > 0)
    throw new UserError(
      `unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${unknown.toSorted().join(' ')}]\n--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (${OWN_NAMESPACES.join(', ')}) or be in the specifically allowed set (${OWN_LABELS.join(', ')})`,
    );
  const wrong = labels.flatMap(([key, value]) => [
    ...isQualifiedName(key).map((why) => `'${key}' - ${why}`),
    ...isLabelValue(value).map((why) => `'${value}' - ${why}`),
  ]);
  if (wrong.length > 0) throw new UserError(`invalid node labels: ${wrong.join('; ')}`);
  return Object.fromEntries(labels);
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/');
  const namespace = slash < 0 ? '' : key.slice(0, slash);
  if (!['kubernetes.io', 'k8s.io'].some((suffix) => isWithin(namespace, suffix))) return false;
  return !OWN_LABELS.includes(key) && !OWN_NAMESPACES.some((each) => isWithin(namespace, each));
}
