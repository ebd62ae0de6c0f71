/**
 * What policies look at in a Pod. The pods of the whole cluster are kept, so only that is.
 *
 * Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/ and, for the
 * names of ports, upstream pkg/api/v1/pod/util.go, v1.36.
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { Labels } from '#api/meta/labels.ts';
import { parseIp } from '#base/ip.ts';

export interface NamedPort {
  readonly name: string;
  /** In lower case, as nft writes it. */
  readonly protocol: string;
  readonly number: number;
}

export interface PolicyPod {
  readonly namespace: string;
  readonly labels: Labels;
  readonly address: string;
  /** Empty before it is bound. */
  readonly node: string;
  readonly ports: readonly NamedPort[];
}

const ADDRESS_FAMILY = 4;

/**
 * Undefined when no policy can be about `pod`: it has no address of its own, because it is on the
 * network of its node, has ended (others may have its address by now) or has not got one yet.
 */
export function policyPodOf(pod: Pod): PolicyPod | undefined {
  const { metadata, spec, status } = pod;
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const addresses = [...(status?.podIPs ?? []).map(({ ip }) => ip ?? ''), status?.podIP ?? ''];
  const address = addresses.find((text) => parseIp(text)?.family === ADDRESS_FAMILY);
  if (address === undefined || isOver || spec?.hostNetwork === true) return undefined;
  return {
    namespace: metadata?.namespace ?? '',
    labels: metadata?.labels,
    address,
    node: spec?.nodeName ?? '',
    ports: serving(pod).flatMap(namedPortsOf),
  };
}

/** Whether policies see no difference. */
export function samePolicyPod(left: PolicyPod, right: PolicyPod): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
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
