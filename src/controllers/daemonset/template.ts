/**
 * The Pod of a DaemonSet for one node: it tolerates what befalls nodes, and the scheduler may put it
 * on that node alone.
 *
 * Upstream: pkg/controller/daemon/util/daemonset_util.go, v1.36.
 */
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import type { Affinity, Pod, PodSpec, Toleration } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { POD_REVISION } from '../shared/history.ts';
import { podFromTemplate } from '../shared/pods.ts';

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';
const POD_GENERATION = 'pod-template-generation';

const TOLERATED: readonly (readonly [key: string, effect: 'NoExecute' | 'NoSchedule'])[] = [
  ['node.kubernetes.io/not-ready', 'NoExecute'],
  ['node.kubernetes.io/unreachable', 'NoExecute'],
  ['node.kubernetes.io/disk-pressure', 'NoSchedule'],
  ['node.kubernetes.io/memory-pressure', 'NoSchedule'],
  ['node.kubernetes.io/pid-pressure', 'NoSchedule'],
  ['node.kubernetes.io/unschedulable', 'NoSchedule'],
];
const NO_NETWORK = ['node.kubernetes.io/network-unavailable', 'NoSchedule'] as const;

/** The template's tolerations and those that every Pod of a DaemonSet has. */
export function tolerationsOf(spec: PodSpec | undefined): Toleration[] {
  const added = spec?.hostNetwork === true ? [...TOLERATED, NO_NETWORK] : TOLERATED;
  return added.reduce(
    (tolerations, [key, effect]) =>
      withToleration(tolerations, { key, operator: 'Exists', effect }),
    spec?.tolerations ?? [],
  );
}

/** One that says the same but for its seconds is replaced: a Pod of a DaemonSet stays. */
function withToleration(tolerations: Toleration[], added: Toleration): Toleration[] {
  const says = ({ key, operator, effect, value }: Toleration): object => ({
    key,
    operator,
    effect,
    value,
  });
  const isSame = (known: Toleration): boolean => equalValues(says(known), says(added));
  return tolerations.some(isSame)
    ? tolerations.map((known) => (isSame(known) ? added : known))
    : [...tolerations, added];
}

/** Required node affinity becomes the name of the node; it was looked at when the node was chosen. */
function onNode(affinity: Affinity | undefined, nodeName: string): Affinity {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [nodeName] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}

/** The Pod for `nodeName`, marked with the revision that has this hash. */
export function podFor(set: DaemonSet, nodeName: string, hash: string): Pod {
  const { name = '', namespace = '' } = set.metadata ?? {};
  const draft = podFromTemplate(set.spec?.template ?? {}, { name, namespace });
  const generation = templateGeneration(set);
  return {
    metadata: {
      ...draft.metadata,
      labels: {
        ...draft.metadata?.labels,
        ...(generation === undefined ? {} : { [POD_GENERATION]: generation }),
        [POD_REVISION]: hash,
      },
      ownerReferences: [controllerReference(DAEMON_SET, set)],
    },
    spec: {
      ...draft.spec,
      containers: draft.spec?.containers ?? [],
      tolerations: tolerationsOf(draft.spec),
      affinity: onNode(draft.spec?.affinity, nodeName),
    },
  };
}

/** A number that older API versions counted templates by; undefined: none, or no number. */
function templateGeneration({ metadata }: DaemonSet): string | undefined {
  const text = metadata?.annotations?.[TEMPLATE_GENERATION];
  return text !== undefined && /^[-+]?\d+$/.test(text) ? String(BigInt(text)) : undefined;
}

/** Whether a Pod is of the set's template, by its hash or by the older number. */
export function isUpdated(set: DaemonSet, pod: Pod, hash: string): boolean {
  const labels = pod.metadata?.labels ?? {};
  const generation = templateGeneration(set);
  return (
    (hash !== '' && labels[POD_REVISION] === hash) ||
    (generation !== undefined && labels[POD_GENERATION] === generation)
  );
}
