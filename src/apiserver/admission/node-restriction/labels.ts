/**
 * The labels that a kubelet may set on its node.
 *
 * Source: upstream plugin/pkg/admission/noderestriction, staging/src/k8s.io/kubelet/pkg/apis;
 * KEP-279.
 */
type Labels = Readonly<Record<string, string>> | undefined;

const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);
const KUBELET_NAMESPACES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const RESTRICTED = 'node-restriction.kubernetes.io';

/** Keys whose values differ between the two. */
export function modifiedLabels(left: Labels, right: Labels): readonly string[] {
  const keys = new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})]);
  return [...keys].filter((key) => left?.[key] !== right?.[key]);
}

/** Those of `keys` that are not the kubelet's to touch, sorted. */
export function forbiddenNodeLabels(keys: readonly string[]): readonly string[] {
  return keys.filter(isForbidden).toSorted();
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/');
  const namespace = slash < 0 ? '' : key.slice(0, slash);
  if (isWithin(namespace, RESTRICTED)) return true;
  if (!isWithin(namespace, 'kubernetes.io') && !isWithin(namespace, 'k8s.io')) return false;
  return (
    !KUBELET_LABELS.has(key) && !KUBELET_NAMESPACES.some((allowed) => isWithin(namespace, allowed))
  );
}

function isWithin(namespace: string, parent: string): boolean {
  return namespace === parent || namespace.endsWith(`.${parent}`);
}
