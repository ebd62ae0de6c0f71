/** Pod. Upstream: pkg/registry/core/pod/strategy.go. */
import type { Pod, PodCondition } from '#api/gen/core-v1.ts';
import { podGatedFields } from './pod-gated-fields.ts';
import { timeText } from '../meta/time.ts';
import { defineKind, type WriteContext } from '../kind.ts';
import {
  validateEphemeralContainersUpdate,
  validatePodResize,
} from '../validation/pod-subresources.ts';
import { validatePodUpdate } from '../validation/pod-update.ts';
import { validatePodStatusUpdate } from '../validation/pod-status.ts';
import { validatePod, validatePodCreate } from '../validation/pod.ts';
import { warnAboutPod } from '../validation/warnings.ts';
import { applyAppArmorAnnotations } from './app-armor.ts';
import { applyLabelKeys } from './label-keys.ts';
import { POD_COLUMNS } from './pod-columns.ts';
import { defaultPod } from './pod-defaults.ts';
import { podQosClass } from './qos.ts';
import { keepAllButEphemeralContainers, keepAllButResources } from './pod-views.ts';

/** A new pod is pending; one with gates says so. */
function prepareForCreate(pod: Pod, context: WriteContext): void {
  pod.status = { phase: 'Pending', qosClass: pod.status?.qosClass || podQosClass(pod) };
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
        lastTransitionTime: timeText(context.nowMs),
      },
    ];
  }
  applyLabelKeys(pod);
  applyAppArmorAnnotations(pod, (text) => context.warn(text));
}

/** A status that does not say what it observed keeps what the last one said. */
function keepObservedGenerations(next: Pod, old: Pod): void {
  const status = next.status ?? {};
  if (!status.observedGeneration && old.status?.observedGeneration) {
    status.observedGeneration = old.status.observedGeneration;
  }
  const before = Map.groupBy(old.status?.conditions ?? [], ({ type }) => type);
  for (const condition of status.conditions ?? []) {
    const last: PodCondition | undefined = before.get(condition.type)?.shift();
    if (!condition.observedGeneration && last?.observedGeneration) {
      condition.observedGeneration = last.observedGeneration;
    }
  }
}

function prepareForStatusUpdate(next: Pod, old: Pod): void {
  next.metadata ??= {};
  if (old.metadata?.ownerReferences === undefined) delete next.metadata.ownerReferences;
  else next.metadata.ownerReferences = old.metadata.ownerReferences;
  next.status ??= {};
  if (!next.status.qosClass && old.status?.qosClass) next.status.qosClass = old.status.qosClass;
  keepObservedGenerations(next, old);
}

/** The grace a pod gets: what was asked, else its own; none when it runs nowhere or has ended. */
function gracefulDeletion({ spec, status }: Pod, asked: number | undefined): number {
  const ended = status?.phase === 'Failed' || status?.phase === 'Succeeded';
  if (!spec?.nodeName || ended) return 0;
  const seconds = asked ?? spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}

export const POD = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Pod',
  gatedFields: podGatedFields('spec'),
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork === true),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
    'status.podIPs': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
    'spec.host': ({ spec }) => spec?.nodeName ?? '',
  },
  columns: POD_COLUMNS,
  setDefaults: defaultPod,
  prepareForCreate,
  prepareForStatusUpdate,
  validate: validatePod,
  validateCreate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  validateStatus: validatePodStatusUpdate,
  warn: (next, old) => (old === undefined ? warnAboutPod(next) : []),
  gracefulDeletion,
  views: [
    {
      name: 'ephemeralcontainers',
      keep: keepAllButEphemeralContainers,
      validate: validateEphemeralContainersUpdate,
    },
    { name: 'resize', keep: keepAllButResources, validate: validatePodResize },
  ],
});
