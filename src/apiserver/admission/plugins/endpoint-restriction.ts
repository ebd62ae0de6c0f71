/**
 * EndpointRestriction (ours, closes CVE-2021-25740): endpoints lead to pods of their own namespace,
 * or out of the network of pods. Otherwise a Service of one namespace would show the pods of another
 * to load balancers and to proxies that network policies let in.
 *
 * Refused are addresses that an object gets anew, that lie in a Node's range of pod addresses or
 * belong to a pod elsewhere, and that no running pod of the namespace has. Who may create
 * `endpoints/restricted` (`endpointslices/restricted`) there may write any address: the right by
 * which OpenShift's RestrictedEndpointsAdmission asks, which upstream's controllers hold.
 */
import type { Endpoints, Node, Pod } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { type IpAddress, type IpRange, parseCidr, rangeContains } from '#base/ip.ts';
import { plainAddress } from '../../proxy/addresses.ts';
import type { AdmissionPlugin, Attributes, ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { ENDPOINT_SLICES, ENDPOINTS, isFor, NODES, PODS } from '../targets.ts';

/** Addresses as they were written, by their plain form. */
type Addresses = ReadonlyMap<string, string>;

export function endpointRestriction(services: AdmissionServices): AdmissionPlugin {
  const { reader } = services;
  return {
    name: 'EndpointRestriction',
    async validate(attributes) {
      const { operation, subresource } = attributes;
      const read = readerOf(attributes);
      if (read === undefined || subresource !== '') return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      const before = plain(read(attributes.old ?? {}));
      const added = plain(read(attributes.object ?? {}));
      for (const key of before.keys()) added.delete(key);
      if (added.size === 0 || (await mayWriteAny(attributes, services))) return;
      let wrong = firstForeign(reader, attributes.namespace, added);
      if (wrong === undefined) return;
      // The address of a pod may have been reported a moment ago.
      await reader.catchUp();
      wrong = firstForeign(reader, attributes.namespace, added);
      if (wrong === undefined) return;
      throw refusal(
        attributes,
        `address ${wrong} is of the network of pods, and of no pod in namespace ${JSON.stringify(attributes.namespace)}; only who may create ${attributes.kind.plural}/restricted may write it`,
      );
    },
  };
}

function readerOf(attributes: Attributes): ((object: object) => readonly string[]) | undefined {
  if (isFor(attributes, ENDPOINTS)) return addressesOfEndpoints;
  return isFor(attributes, ENDPOINT_SLICES) ? addressesOfSlice : undefined;
}

function addressesOfEndpoints({ subsets = [] }: Endpoints): string[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [] }) =>
    [...addresses, ...notReadyAddresses].map(({ ip }) => ip),
  );
}

function addressesOfSlice({ endpoints = [] }: Partial<EndpointSlice>): string[] {
  return endpoints.flatMap(({ addresses }) => addresses);
}

/** What is no address (a name) is nobody's: no proxy of ours looks names up. */
function plain(texts: readonly string[]): Map<string, string> {
  return new Map(
    texts.flatMap((text) => {
      const address = plainAddress(text);
      return address === undefined ? [] : [[keyOf(address), text] as const];
    }),
  );
}

function keyOf({ family, value }: IpAddress): string {
  return `${family}/${value}`;
}

async function mayWriteAny(
  { user, kind, namespace, name, signal }: Attributes,
  { authorize }: AdmissionServices,
): Promise<boolean> {
  const asked = {
    user,
    verb: 'create',
    path: '',
    isResourceRequest: true,
    group: kind.group,
    version: kind.version,
    resource: kind.plural,
    subresource: 'restricted',
    namespace,
    name,
  };
  return (await authorize(asked, signal)).outcome === 'allow';
}

/** The first of `addresses` that is in the network of pods and of no pod of `namespace`. */
function firstForeign(
  reader: ObjectReader,
  namespace: string,
  addresses: Addresses,
): string | undefined {
  const own = podAddresses(reader.list(PODS, namespace) as Iterable<Pod>);
  const rest = [...addresses].filter(([key]) => !own.has(key));
  if (rest.length === 0) return undefined;
  const ranges = podRanges(reader.list(NODES) as Iterable<Node>);
  const inRange = rest.find(([, text]) => {
    const address = plainAddress(text);
    return address !== undefined && ranges.some((range) => rangeContains(range, address));
  });
  if (inRange !== undefined) return inRange[1];
  // Where something else than the Nodes says which addresses pods have, and on the nodes' network.
  const all = podAddresses(reader.list(PODS) as Iterable<Pod>);
  return rest.find(([key]) => all.has(key))?.[1];
}

/** A pod that has ended has its address no more, though its status tells it. */
function podAddresses(pods: Iterable<Pod>): Set<string> {
  const keys = new Set<string>();
  for (const { status = {} } of pods) {
    if (status.phase === 'Succeeded' || status.phase === 'Failed') continue;
    const texts = [status.podIP, ...(status.podIPs ?? []).map(({ ip }) => ip)];
    for (const text of texts) {
      const address = plainAddress(text ?? '');
      if (address !== undefined) keys.add(keyOf(address));
    }
  }
  return keys;
}

function podRanges(nodes: Iterable<Node>): IpRange[] {
  return [...nodes].flatMap(({ spec = {} }) =>
    [spec.podCIDR ?? '', ...(spec.podCIDRs ?? [])].flatMap((cidr) => parseCidr(cidr) ?? []),
  );
}
