/**
 * What policies look at in a Pod. The pods of the whole cluster are kept, so only that is.
 *
 * Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/ and, for the
 * names of ports, upstream pkg/api/v1/pod/util.go, v1.36.
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { Labels } from '#api/meta/labels.ts';
import { formatIp, type IpAddress, parseIp } from '#base/ip.ts';
import { FAMILIES } from './address-blocks.ts';

export interface NamedPort {
  readonly name: string;
  /** In lower case, as nft writes it. */
  readonly protocol: string;
  readonly number: number;
}

export interface PodAddress extends IpAddress {
  /** Canonical. */
  readonly text: string;
}

export interface PolicyPod {
  readonly namespace: string;
  readonly labels: Labels;
  /** One of a family, or one of each; none before its sandbox is known. */
  readonly addresses: readonly PodAddress[];
  /** Empty before it is bound. */
  readonly node: string;
  readonly ports: readonly NamedPort[];
}

/**
 * Undefined when no policy can be about `pod`: it has no address of its own, because it is on the
 * network of its node, has ended (others may have its address by now) or is not bound to a node.
 */
export function policyPodOf(pod: Pod): PolicyPod | undefined {
  const { metadata, spec, status } = pod;
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const addresses = addressesOf(pod);
  const isWaiting = addresses.length === 0 && (spec?.nodeName ?? '') === '';
  if (isWaiting || isOver || spec?.hostNetwork === true) return undefined;
  return {
    namespace: metadata?.namespace ?? '',
    labels: metadata?.labels,
    addresses,
    node: spec?.nodeName ?? '',
    ports: serving(pod).flatMap(namedPortsOf),
  };
}

function addressesOf({ status }: Pod): PodAddress[] {
  const texts = [...(status?.podIPs ?? []).map(({ ip }) => ip ?? ''), status?.podIP ?? ''];
  const addresses = texts.flatMap((text) => parseIp(text) ?? []);
  return FAMILIES.flatMap((family) => {
    const address = addresses.find((each) => each.family === family);
    return address === undefined ? [] : [{ ...address, text: formatIp(address) }];
  });
}

/** Whether policies see no difference. */
export function samePolicyPod(left: PolicyPod, right: PolicyPod): boolean {
  return seenOf(left) === seenOf(right);
}

function seenOf(pod: PolicyPod): string {
  return JSON.stringify({ ...pod, addresses: pod.addresses.map(({ text }) => text) });
}

/** A copy of `pod` with what policies look at: for the cache of an informer. */
export function keptPod(pod: Pod): Pod {
  const { metadata, spec, status } = pod;
  const { name, namespace, uid, resourceVersion, labels } = metadata ?? {};
  const containers = serving(pod)
    .filter((container) => namedPortsOf(container).length > 0)
    .map((container) => ({ name: container.name, ports: container.ports ?? [] }));
  return {
    metadata: withoutAbsent({ name, namespace, uid, resourceVersion, labels }),
    spec: {
      containers,
      ...withoutAbsent({ nodeName: spec?.nodeName, hostNetwork: spec?.hostNetwork }),
    },
    status: withoutAbsent({
      phase: status?.phase,
      podIP: status?.podIP,
      podIPs: status?.podIPs,
    }),
  };
}

/** Containers that run as long as the pod does: sidecars are init containers that restart. */
function serving({ spec }: Pod): Container[] {
  const sidecars = (spec?.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  return [...(spec?.containers ?? []), ...sidecars];
}

function namedPortsOf({ ports = [] }: Container): NamedPort[] {
  return ports.flatMap(({ name = '', protocol = 'TCP', containerPort }) =>
    name === '' ? [] : [{ name, protocol: protocol.toLowerCase(), number: containerPort }],
  );
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutAbsent<T extends object>(fields: T): Present<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Present<T>;
}
