/** What speaks against the next step of a rotation: who does not believe the new authority yet. Pure. */
import type { ConfigMap, Namespace, Node } from '#api/gen/core-v1.ts';
import { addressOf, CLUSTER_INFO_KEY } from '#kubelet/bootstrap/cluster-info.ts';
import { isSignedBy } from '#kubelet/bootstrap/rotation.ts';
import { pinsText } from '../authority-loop.ts';
import { AUTHORITIES_ANNOTATION } from '../join-names.ts';

const ROOT_CA_KEY = 'ca.crt';

/** What the API tells. */
export interface PublishedTrust {
  readonly nodes: readonly Node[];
  readonly namespaces: readonly Namespace[];
  /** `kube-root-ca.crt` of all namespaces. */
  readonly rootCas: readonly ConfigMap[];
  readonly clusterInfo: ConfigMap | undefined;
}

/** One line for each that does not believe exactly `authority` (PEM, the signing one first). */
export function distrust(
  { nodes, namespaces, rootCas, clusterInfo }: PublishedTrust,
  authority: string,
): string[] {
  const pins = pinsText(authority);
  const published = new Set(
    rootCas.flatMap(({ metadata, data }) =>
      pinsOf(() => data?.[ROOT_CA_KEY] ?? '') === pins ? [metadata?.namespace] : [],
    ),
  );
  const told = pinsOf(() => addressOf(clusterInfo?.data?.[CLUSTER_INFO_KEY] ?? '').authority);
  return [
    ...(told === pins ? [] : ['ConfigMap kube-public/cluster-info does not name it yet']),
    ...namespaces
      .filter(({ status }) => status?.phase !== 'Terminating')
      .map(({ metadata }) => metadata?.name ?? '')
      .filter((name) => !published.has(name))
      .map((name) => `ConfigMap ${name}/kube-root-ca.crt does not name it yet`),
    ...nodes
      .filter(({ metadata }) => metadata?.annotations?.[AUTHORITIES_ANNOTATION] !== pins)
      .map(({ metadata }) => nodeLine(metadata?.name ?? '', pins)),
  ];
}

/** A node of another program does not follow: whoever gives it the authority says so by hand. */
function nodeLine(name: string, pins: string): string {
  return `Node ${name} does not tell that it believes it (start it, or "kubectl delete node ${name}"; where its kubelet is not of cox up or cox join, give it the authority, then "kubectl annotate --overwrite node ${name} ${AUTHORITIES_ANNOTATION}=${pins}")`;
}

function pinsOf(text: () => string): string | undefined {
  try {
    return pinsText(text());
  } catch {
    return undefined;
  }
}

/** A node, and what its kubelet shows. */
export interface ShownByNode {
  readonly node: Node;
  /** When its Lease was renewed last, in milliseconds since 1970; undefined: never. */
  readonly renewedMs: number | undefined;
  /** PEM, or why it could not be asked. */
  readonly shown: { readonly certificate: string } | { readonly error: string };
}

/**
 * Against dropping the authority of before: one line for each node that still shows a certificate of
 * it, or has not been Ready since `sinceMs`, when the first one of `authority` came to sign.
 */
export function unready(
  facts: readonly ShownByNode[],
  { authority, sinceMs }: { readonly authority: string; readonly sinceMs: number },
): string[] {
  return facts.flatMap(({ node, renewedMs = 0, shown }) => {
    const name = `Node ${node.metadata?.name ?? ''}`;
    const isReady = node.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    );
    if (isReady !== true || renewedMs < sinceMs)
      return [`${name} has not been Ready since the new authority signs`];
    if ('error' in shown) return [`${name} does not show its certificate: ${shown.error}`];
    if (isSignedBy(shown.certificate, authority)) return [];
    return [
      `${name} still shows a certificate of the authority of before (where it waits in "kubectl get csr", approve the next one: "kubectl certificate approve NAME")`,
    ];
  });
}
