/** Why something that is being deleted is still there. */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { ageText, type Cause, type Explanation, listText } from './explanation.ts';

export interface DeletedPod {
  readonly pod: Pod;
  /** The pod's node; undefined: there is none of this name. */
  readonly node: Node | undefined;
  readonly nowMs: number;
}

export function explainTerminating({ pod, node, nowMs }: DeletedPod): Explanation {
  const { name = '', finalizers = [], deletionTimestamp = '' } = pod.metadata ?? {};
  const overdueMs = nowMs - Date.parse(deletionTimestamp);
  if (overdueMs < 0)
    return {
      sentence: `Pod ${name} is being deleted and has ${ageText(-overdueMs)} left to end by itself.`,
      causes: runningOf(pod),
      remedies: [],
    };
  const gone = nodeProblem(pod, node);
  if (gone !== undefined) return { ...gone, causes: [...gone.causes, ...finalizerCauses(pod)] };
  const running = runningOf(pod);
  if (running.length > 0)
    return {
      sentence: `Pod ${name} should have ended ${ageText(overdueMs)} ago; its kubelet has not confirmed the end of ${listText(running.map(({ what }) => what))}.`,
      causes: [...running, ...finalizerCauses(pod)],
      remedies: [
        `see what node ${pod.spec?.nodeName} says: kubectl describe node ${pod.spec?.nodeName}`,
      ],
    };
  if (finalizers.length > 0) return heldByFinalizers('Pod', pod);
  return {
    sentence: `Pod ${name} has ended; the kubelet of ${pod.spec?.nodeName} removes it next.`,
    causes: [],
    remedies: [],
  };
}

/** Of any object. */
export function heldByFinalizers(kind: string, object: KubeObject): Explanation {
  const { name = '', finalizers = [] } = object.metadata ?? {};
  return {
    sentence: `${kind} ${name} is deleted, and kept by ${finalizers.length === 1 ? 'a finalizer' : `${finalizers.length} finalizers`}: ${listText(finalizers)}.`,
    causes: finalizerCauses(object),
    remedies: finalizers.map(
      (finalizer) =>
        `let whoever set ${finalizer} finish; when it is gone for good, take the finalizer out of metadata.finalizers`,
    ),
  };
}

function finalizerCauses({ metadata }: KubeObject): Cause[] {
  return (metadata?.finalizers ?? []).map((finalizer) => ({
    what: `finalizer ${finalizer}`,
    detail: 'whoever set it has to take it away',
  }));
}

function nodeProblem(pod: Pod, node: Node | undefined): Explanation | undefined {
  const { name = '' } = pod.metadata ?? {};
  const { nodeName = '' } = pod.spec ?? {};
  if (nodeName === '') return undefined;
  const remedies = [
    `bring node ${nodeName} back`,
    `when it is off for good: kubectl delete node ${nodeName}`,
    `or kubectl delete pod ${name} --force, when nothing of the pod can still be running there`,
  ];
  if (node === undefined)
    return {
      sentence: `Pod ${name} waits for the kubelet of node ${nodeName}, which is not there any more.`,
      causes: [{ what: `node ${nodeName}`, detail: 'there is no such node' }],
      remedies: remedies.slice(2),
    };
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return undefined;
  return {
    sentence: `Pod ${name} waits for the kubelet of node ${nodeName}, which does not answer.`,
    causes: [{ what: `node ${nodeName}`, detail: ready?.message ?? 'it has never been ready' }],
    remedies,
  };
}

function runningOf({ status }: Pod): Cause[] {
  return (status?.containerStatuses ?? [])
    .filter(({ state }) => state?.running !== undefined)
    .map(({ name }) => ({ what: `container ${name}`, detail: 'still running' }));
}
