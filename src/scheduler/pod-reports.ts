/** Says of a pod that it has a node, or why it has none: events, and the PodScheduled condition. */
import type { Pod, PodCondition } from '#api/gen/core-v1.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Notice } from './framework.ts';
import { patchPodStatus, withType, type Writer } from './pod-writes.ts';

/** So many bytes the API takes as the message of an event. */
const EVENT_MESSAGE_MAX = 1_024;
const CUT = ' ...';

export interface RefusalReport {
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** Empty takes the nomination back; undefined leaves it as it is. */
  readonly nominatedNodeName: string | undefined;
}

export class PodReports {
  readonly #options: Writer & { readonly events: EventRecorder };

  constructor(options: Writer & { readonly events: EventRecorder }) {
    this.#options = options;
  }

  scheduled(pod: Pod, node: string): void {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    this.#options.events.event({
      about: withType(pod),
      type: 'Normal',
      reason: 'Scheduled',
      action: 'Binding',
      message: `Successfully assigned ${namespace}/${name} to ${node}`,
    });
  }

  /** It was to be tried, and is being deleted. */
  skipped(pod: Pod): void {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    this.#options.events.event({
      about: withType(pod),
      type: 'Warning',
      reason: 'FailedScheduling',
      action: 'Scheduling',
      message: `skip schedule deleting pod: ${namespace}/${name}`,
    });
  }

  /** It has a node, and waits for something before it is bound to it. */
  waits(pod: Pod, notice: Notice): void {
    this.#options.events.event({
      about: withType(pod),
      type: 'Normal',
      action: 'Scheduling',
      ...notice,
    });
  }

  /** The condition is written only when it is news. */
  async refused(pod: Pod, { reason, message, nominatedNodeName }: RefusalReport): Promise<void> {
    this.#options.events.event({
      about: withType(pod),
      type: 'Warning',
      reason: 'FailedScheduling',
      action: 'Scheduling',
      message: truncated(message),
    });
    const condition: PodCondition = { type: 'PodScheduled', status: 'False', reason, message };
    await patchPodStatus(this.#options, pod, {
      condition,
      ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    });
  }
}

/** At the end of a character, where upstream may cut one in two. */
export function truncated(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= EVENT_MESSAGE_MAX) return message;
  let end = EVENT_MESSAGE_MAX - CUT.length;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}${CUT}`;
}
