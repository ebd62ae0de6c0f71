/**
 * Why a pod that has a node is not ready: what its containers wait for, what they end with, what
 * their probes say.
 *
 * Source of reasons: upstream pkg/kubelet/kuberuntime, pkg/kubelet/images, pkg/kubelet/prober, v1.36.
 */
import { isPodReady, podCondition } from '#api/core/pod-helpers.ts';
import type { ContainerStatus, Event, Pod } from '#api/gen/core-v1.ts';
import { type Cause, type Explanation, listText, newestEvent } from './explanation.ts';

interface Found {
  readonly cause: Cause;
  readonly remedy?: string;
}

const OUT_OF_MEMORY = 'OOMKilled';
const PULLING = ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'];
const CONFIGURING = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];
/** What keeps a pod from having any container. */
const SET_UP = ['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox', 'NetworkNotReady'];

/** `events`: those about the pod. */
export function explainContainers(pod: Pod, events: readonly Event[]): Explanation {
  const name = pod.metadata?.name ?? '';
  const { phase = 'Pending' } = pod.status ?? {};
  if (phase === 'Failed') return failed(pod);
  if (phase === 'Succeeded')
    return nothing(`Pod ${name} has done its work: all containers ended well.`);
  if (isPodReady(pod)) return nothing(`Pod ${name} is ready.`);
  const found = [...containerFindings(pod, events), ...gateFindings(pod)];
  const setUp = newestEvent(events, SET_UP);
  if (found.length === 0 && setUp !== undefined)
    return {
      sentence: `Pod ${name} has no containers yet: ${setUp.reason} on node ${pod.spec?.nodeName}.`,
      causes: [{ what: setUp.reason ?? '', detail: setUp.message ?? '' }],
      remedies: [],
    };
  if (found.length === 0)
    return nothing(
      `Pod ${name} is ${phase}; its containers are being started on ${pod.spec?.nodeName}.`,
    );
  return {
    sentence: `Pod ${name} is not ready because of ${listText(found.map(({ cause }) => cause.what))}.`,
    causes: found.map(({ cause }) => cause),
    remedies: found.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])),
  };
}

function nothing(sentence: string): Explanation {
  return { sentence, causes: [], remedies: [] };
}

function failed(pod: Pod): Explanation {
  const { reason, message, containerStatuses = [] } = pod.status ?? {};
  const causes = containerStatuses.flatMap(({ name, state }) =>
    state?.terminated === undefined || state.terminated.exitCode === 0
      ? []
      : [{ what: `container ${name}`, detail: endText(state.terminated) }],
  );
  const why = reason ?? listText(causes.map(({ what }) => what));
  return {
    sentence: `Pod ${pod.metadata?.name} has failed${why === '' ? '' : `: ${why}`}${message === undefined ? '' : ` (${message})`}.`,
    causes,
    remedies: [],
  };
}

function containerFindings(pod: Pod, events: readonly Event[]): Found[] {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const initial = initContainerStatuses.flatMap((status) =>
    status.ready || status.state?.terminated?.exitCode === 0
      ? []
      : (finding(status, events, 'init container', 'initContainers') ?? []),
  );
  // The others wait for these.
  if (initial.length > 0) return initial.slice(0, 1);
  return containerStatuses.flatMap((status) =>
    status.ready ? [] : (finding(status, events, 'container', 'containers') ?? []),
  );
}

function finding(
  status: ContainerStatus,
  events: readonly Event[],
  word: string,
  list: string,
): Found | undefined {
  const what = `${word} ${status.name}`;
  const { waiting, running, terminated } = status.state ?? {};
  const { reason = '', message = '' } = waiting ?? {};
  const fieldPath = `spec.${list}{${status.name}}`;
  if (PULLING.includes(reason)) {
    const detail = newestEvent(events, ['Failed'], fieldPath)?.message ?? message;
    return {
      cause: { what, detail: `${reason}: ${detail}` },
      remedy: `make the image ${status.image} available, or name another`,
    };
  }
  if (CONFIGURING.includes(reason))
    return { cause: { what, detail: `${reason}: ${message}` }, ...remedyOf(missing(message)) };
  if (reason === 'CrashLoopBackOff') return crashing(status, what);
  if (terminated !== undefined) return { cause: { what, detail: endText(terminated) } };
  if (running !== undefined) return notReady(status, { events, what, word, fieldPath });
  if (reason === '' || reason === 'ContainerCreating' || reason === 'PodInitializing')
    return undefined;
  return { cause: { what, detail: message === '' ? reason : `${reason}: ${message}` } };
}

function remedyOf(remedy: string | undefined): { readonly remedy?: string } {
  return remedy === undefined ? {} : { remedy };
}

/** `configmap "x" not found` */
function missing(message: string): string | undefined {
  const [, kind, name] = /(configmap|secret) "([^"]+)" not found/.exec(message) ?? [];
  if (kind !== undefined) return `create ${kind} ${name}, or mark the reference optional`;
  const [, key, owner] = /couldn't find key (\S+) in (\S+ \S+)/.exec(message) ?? [];
  return key === undefined ? undefined : `add the key ${key} to ${owner}`;
}

function crashing(
  { name, lastState, restartCount, resources }: ContainerStatus,
  what: string,
): Found {
  const last = lastState?.terminated;
  const times = `${restartCount} ${restartCount === 1 ? 'restart' : 'restarts'}`;
  const detail = `CrashLoopBackOff after ${times}: ${last === undefined ? 'it ends at once' : endText(last)}`;
  if (last?.reason !== OUT_OF_MEMORY)
    return {
      cause: { what, detail },
      remedy: `see what it said before it ended: kubectl logs --previous -c ${name}`,
    };
  const limit = resources?.limits?.['memory'];
  const now = limit === undefined ? '' : `, which is ${limit}`;
  return { cause: { what, detail }, remedy: `raise the memory limit of container ${name}${now}` };
}

function endText(end: {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason?: string;
  readonly message?: string;
}): string {
  const how = end.signal === undefined || end.signal === 0 ? '' : `, signal ${end.signal}`;
  const reason = end.reason === undefined || end.reason === 'Error' ? '' : `${end.reason}, `;
  const message = end.message === undefined || end.message === '' ? '' : `: ${end.message.trim()}`;
  return `${reason}exit code ${end.exitCode}${how}${message}`;
}

function notReady(
  { name, started }: ContainerStatus,
  where: {
    readonly events: readonly Event[];
    readonly what: string;
    readonly word: string;
    readonly fieldPath: string;
  },
): Found {
  const { what } = where;
  const probe = started === false ? 'startup' : 'readiness';
  const event = newestEvent(where.events, ['Unhealthy'], where.fieldPath);
  if (event !== undefined)
    return {
      cause: { what, detail: event.message ?? '' },
      remedy: `see why its ${probe} probe fails: kubectl logs -c ${name}`,
    };
  if (where.word === 'init container') return { cause: { what, detail: 'still running' } };
  return { cause: { what, detail: `its ${probe} probe has not succeeded yet` } };
}

/** Conditions that somebody else has to set (KEP-580). */
function gateFindings(pod: Pod): Found[] {
  return (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = podCondition(pod, conditionType);
    if (condition?.status === 'True') return [];
    const detail =
      condition === undefined
        ? 'nobody has set this condition'
        : `the condition is ${condition.status}: ${condition.message ?? condition.reason ?? ''}`;
    return [{ cause: { what: `readiness gate ${conditionType}`, detail } }];
  });
}
