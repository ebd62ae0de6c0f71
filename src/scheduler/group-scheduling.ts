/**
 * What is done for a group of pods: one cycle for all that wait, then each is bound, or told why it
 * is not.
 *
 * Source: KEP-4671; upstream v1.36 pkg/scheduler/schedule_one_podgroup.go. Unlike there, pods are
 * evicted only when the group will be whole with that.
 */
import {
  type GroupResult,
  type GroupStatus,
  type GroupTools,
  type Place,
  type Refused,
  type Trial,
  tryGroup,
} from './group-cycle.ts';
import { PREEMPTING, reportGroup, UNSCHEDULABLE } from './group-reports.ts';
import type { PodInfo } from './framework.ts';
import { groupKeyOf, type PodGroups } from './pod-groups.ts';
import type { Writer } from './pod-writes.ts';
import type { SchedulingQueue } from './queue.ts';
import { schedulerNameOf } from './running-profile.ts';

/** What upstream's framework adds to the reasons of the point permit. */
const ASKED_TO_WAIT = 'one or more plugins asked to wait and no plugin rejected pod';

export interface GroupSchedulingOptions extends Writer, GroupTools {
  readonly queue: SchedulingQueue;
  readonly groups: PodGroups;
  /** All have been decided on: others may be. */
  onDecided(): void;
  bind(pod: PodInfo, place: Place): Promise<void>;
  /** The pod fits nowhere, or must wait for others to go. */
  refuse(pod: PodInfo, refused: Refused): Promise<void>;
  /** It would have had a place, but its group has not. */
  wait(pod: PodInfo, report: { readonly message: string; readonly node: string }): Promise<void>;
  fail(pod: PodInfo, error: unknown): Promise<void>;
}

export class GroupScheduling {
  readonly #options: GroupSchedulingOptions;

  constructor(options: GroupSchedulingOptions) {
    this.#options = options;
  }

  /**
   * `first` has been taken from the queue: with it all that wait with it, the most important first,
   * and of those as important the one that could be tried first.
   */
  membersWith(first: PodInfo): readonly PodInfo[] {
    const { queue, groups } = this.#options;
    const waiting = groups.waitingOf(groupKeyOf(first.pod) ?? '');
    const taken = waiting.flatMap((key) => (key === first.key ? first : (queue.take(key) ?? [])));
    const all = taken.includes(first) ? taken : [first, ...taken];
    const firstMs = (pod: PodInfo): number => queue.attemptsOf(pod)?.firstMs ?? 0;
    return all.toSorted(
      (left, right) => right.priority - left.priority || firstMs(left) - firstMs(right),
    );
  }

  /** Resolves when all is said and done; what fails is logged. */
  async attempt(pods: readonly PodInfo[]): Promise<void> {
    let result: GroupResult;
    const error = differenceOf(pods);
    try {
      result =
        error === undefined
          ? await tryGroup(pods, this.#options)
          : { status: { error }, trials: [] };
    } finally {
      this.#options.onDecided();
    }
    const { status, trials } = result;
    const ends = pods.map((pod, index) => this.#end(trials[index] ?? { pod }, status));
    // Of a group that cannot be tried at all only its pods tell.
    if (error === undefined) ends.push(this.#report(pods, status));
    for (const end of await Promise.allSettled(ends))
      if (end.status === 'rejected')
        this.#options.environment.log.warn('scheduling of a group failed', {
          group: groupKeyOf(pods[0]?.pod ?? {}),
          error: String(end.reason),
        });
  }

  async #end(trial: Trial, status: GroupStatus): Promise<void> {
    const { pod, place, refused, waits, error } = trial;
    const options = this.#options;
    if (typeof status === 'object') return options.fail(pod, error ?? new Error(status.error));
    if (status === 'scheduled' && place !== undefined) return options.bind(pod, place);
    // It may have gone while the others were tried.
    if (!options.queue.has(pod)) return;
    if (refused !== undefined && (place === undefined || status === 'preempting'))
      return options.refuse(pod, refused);
    const message =
      status === 'preempting'
        ? PREEMPTING
        : [UNSCHEDULABLE, ...(waits?.reasons ?? []), ASKED_TO_WAIT].join(', ');
    const node = status === 'preempting' ? (place?.node ?? '') : '';
    return options.wait(pod, { message, node });
  }

  async #report(pods: readonly PodInfo[], status: GroupStatus): Promise<void> {
    const [first] = pods;
    const group = first && this.#options.groups.group(groupKeyOf(first.pod) ?? '');
    if (group !== undefined) await reportGroup(this.#options, group, status);
  }
}

/** Why the pods cannot be tried together; undefined: they can. */
function differenceOf(pods: readonly PodInfo[]): string | undefined {
  const names = new Set(pods.map(({ pod }) => schedulerNameOf(pod)));
  if (names.size === 1) return undefined;
  const [one, other] = [...names].map((name) => JSON.stringify(name));
  return `all pods in a single pod group should have the same .spec.schedulerName set, got: ${one} and ${other}`;
}
