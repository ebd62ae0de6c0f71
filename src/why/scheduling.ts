/**
 * Why a pod has no node, as its scheduler has said: any scheduler, ours or upstream's.
 *
 * Source of the message's form: upstream pkg/scheduler/framework/types.go (FitError), v1.36.
 */
import { podCondition } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { ageText, type Cause, type Explanation, listText } from './explanation.ts';

/** A minute without any word of a scheduler: perhaps there is none of this name. */
const SILENCE_MS = 60_000;

export function explainUnscheduled(pod: Pod, nowMs: number): Explanation {
  const { name = '', creationTimestamp = '' } = pod.metadata ?? {};
  const { schedulingGates = [], schedulerName = '' } = pod.spec ?? {};
  if (schedulingGates.length > 0) {
    const gates = schedulingGates.map((gate) => gate.name);
    return {
      sentence: `Pod ${name} may not be scheduled yet: it has the scheduling ${gates.length === 1 ? 'gate' : 'gates'} ${listText(gates)}.`,
      causes: gates.map((gate) => ({
        what: `scheduling gate ${gate}`,
        detail: 'whoever set it has to take it away',
      })),
      remedies: [],
    };
  }
  const condition = podCondition(pod, 'PodScheduled');
  if (condition?.status === 'False') return refused(pod, condition.message ?? '');
  const ageMs = nowMs - Date.parse(creationTimestamp);
  if (ageMs < SILENCE_MS)
    return {
      sentence: `Pod ${name} waits for its turn to be scheduled.`,
      causes: [],
      remedies: [],
    };
  return {
    sentence: `Pod ${name} has waited for ${ageText(ageMs)}, and its scheduler, ${schedulerName}, has said nothing of it.`,
    causes: [{ what: `scheduler ${schedulerName}`, detail: 'it may not run' }],
    remedies: [`see whether a scheduler of the name ${schedulerName} runs`],
  };
}

const FIT_ERROR = /^0\/(\d+) nodes are available: ([^]*?)\.(?: (?:[^.]*, )?preemption: ([^]*))?$/;

function refused(pod: Pod, message: string): Explanation {
  const name = pod.metadata?.name ?? '';
  const [, nodes = '', reasons = '', preemption] = FIT_ERROR.exec(message) ?? [];
  if (nodes === '')
    return {
      sentence: `Pod ${name} cannot be scheduled: ${message}`,
      causes: [],
      remedies: [],
    };
  const causes = reasons.split(/, (?=\d+ )/).map((text): Cause => {
    const [, count = '', reason = ''] = /^(\d+) ([^]*)$/.exec(text) ?? [];
    return { what: reason, detail: `${count} of ${nodes} nodes` };
  });
  return {
    sentence: `Pod ${name} fits none of ${nodes} nodes: ${listText(causes.map(({ what }) => what))}.`,
    causes: [
      ...causes,
      ...(preemption === undefined ? [] : [{ what: 'preemption', detail: preemption }]),
    ],
    remedies: [],
  };
}
