/**
 * What makes a Pod the n-th of its StatefulSet: its name, its labels, its claims as volumes.
 *
 * Upstream: pkg/controller/statefulset/stateful_set_utils.go, v1.36 (KEP-3335 for the first ordinal,
 * KEP-4017 for the label with the index).
 */
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { Pod, Volume } from '#api/gen/core-v1.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { POD_REVISION } from '../shared/history.ts';
import { podFromTemplate } from '../shared/pods.ts';

const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

const NAME = /^(.*)-(\d+)$/s;
const ORDINAL_MAX = 0x7fffffff;

/** The name of the set that a Pod's name says it is of, and its number; -1: none. */
function parseName(pod: Pod): { readonly parent: string; readonly ordinal: number } {
  const [, parent, digits] = NAME.exec(pod.metadata?.name ?? '') ?? [];
  if (parent === undefined) return { parent: '', ordinal: -1 };
  const ordinal = Number(digits);
  return { parent, ordinal: ordinal <= ORDINAL_MAX ? ordinal : -1 };
}

export function ordinalOf(pod: Pod): number {
  return parseName(pod).ordinal;
}

export function isMember(set: StatefulSet, pod: Pod): boolean {
  return parseName(pod).parent === set.metadata?.name;
}

export function replicasOf({ spec }: StatefulSet): number {
  return spec?.replicas ?? 1;
}

export function startOrdinal({ spec }: StatefulSet): number {
  return spec?.ordinals?.start ?? 0;
}

export function isInRange(set: StatefulSet, pod: Pod): boolean {
  const nth = ordinalOf(pod) - startOrdinal(set);
  return nth >= 0 && nth < replicasOf(set);
}

function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata?.name ?? ''}-${ordinal}`;
}

/** `data-web-0`: the claim that the template `data` becomes for a Pod. */
export function claimName(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${set.metadata?.name ?? ''}-${ordinal}`;
}

export function revisionOf(pod: Pod): string {
  return pod.metadata?.labels?.[POD_REVISION] ?? '';
}

export function identityMatches(set: StatefulSet, pod: Pod): boolean {
  const { name = '', namespace, labels } = pod.metadata ?? {};
  const { parent, ordinal } = parseName(pod);
  return (
    ordinal >= 0 &&
    parent === set.metadata?.name &&
    name === podName(set, ordinal) &&
    namespace === set.metadata?.namespace &&
    labels?.[POD_NAME] === name
  );
}

/** Whether each claim template has its volume. */
export function storageMatches(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(pod);
  const volumes = new Map((pod.spec?.volumes ?? []).map((volume) => [volume.name, volume]));
  return (set.spec?.volumeClaimTemplates ?? []).every(({ metadata }) => {
    const name = metadata?.name ?? '';
    const volume = volumes.get(name);
    return volume?.persistentVolumeClaim?.claimName === claimName(set, name, ordinal);
  });
}

/** A copy of `pod` with its labels, and with its volumes, as they must be. */
export function repaired(set: StatefulSet, pod: Pod): Pod {
  const named = identityMatches(set, pod) ? pod : withIdentity(set, pod);
  return storageMatches(set, named) ? named : withStorage(set, named);
}

function withIdentity(set: StatefulSet, pod: Pod): Pod {
  const ordinal = ordinalOf(pod);
  const name = podName(set, ordinal);
  const { namespace } = set.metadata ?? {};
  const labels = { ...pod.metadata?.labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal) };
  return {
    ...pod,
    metadata: { ...pod.metadata, name, ...(namespace === undefined ? {} : { namespace }), labels },
  };
}

/** The claims come first; a volume of the same name that is no claim goes away. */
function withStorage(set: StatefulSet, pod: Pod): Pod {
  const ordinal = ordinalOf(pod);
  const claims: Volume[] = (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => {
    const name = metadata?.name ?? '';
    return { name, persistentVolumeClaim: { claimName: claimName(set, name, ordinal) } };
  });
  const taken = new Set(claims.map(({ name }) => name));
  const others = (pod.spec?.volumes ?? []).filter(({ name }) => !taken.has(name));
  const containers = pod.spec?.containers ?? [];
  return { ...pod, spec: { ...pod.spec, containers, volumes: [...claims, ...others] } };
}

/** The Pod with this number, as the template of `set` has it, marked with a revision. */
export function newPod(set: StatefulSet, ordinal: number, revision: string): Pod {
  const { name = '', namespace = '' } = set.metadata ?? {};
  const draft = podFromTemplate(set.spec?.template ?? {}, { name, namespace });
  const own = podName(set, ordinal);
  const pod = withIdentity(set, { ...draft, metadata: { ...draft.metadata, name: own } });
  // Names in the network are the set's to give: a subdomain of the template's own does not stay.
  const { subdomain: _, ...spec } = pod.spec ?? { containers: [] };
  const { serviceName = '' } = set.spec ?? {};
  return withStorage(set, {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata?.labels, [POD_REVISION]: revision },
      ownerReferences: [controllerReference(STATEFUL_SET, set)],
    },
    spec: {
      ...spec,
      hostname: own,
      ...(serviceName === '' ? {} : { subdomain: serviceName }),
    },
  });
}
