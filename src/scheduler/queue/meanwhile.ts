/**
 * What happens while somebody is asked about a pod: it may help the pod, if it is refused in the end.
 *
 * Source: upstream pkg/scheduler/backend/queue/active_queue.go (inFlightEvents), v1.36. There every
 * attempt takes its time, here only those that others have a say in.
 */
import type { ClusterEvent } from '../cluster-events.ts';
import type { PodInfo } from '../framework.ts';
import type { Waiting } from './waiting.ts';

export class Meanwhile {
  /** Of few pods: one decision is made at a time. */
  readonly #events = new Map<Waiting, ClusterEvent[]>();

  get size(): number {
    return this.#events.size;
  }

  begin(waiting: Waiting): void {
    this.#events.set(waiting, []);
  }

  /** `which` leaves some pods out. */
  happened(event: ClusterEvent, which: (pod: PodInfo) => boolean): void {
    for (const [{ info }, events] of this.#events) if (which(info)) events.push(event);
  }

  /** What has happened to the pod itself. */
  changed(waiting: Waiting, events: readonly ClusterEvent[]): void {
    this.#events.get(waiting)?.push(...events);
  }

  /** It has been decided on: what happened until then. */
  end(waiting: Waiting): readonly ClusterEvent[] {
    const events = this.#events.get(waiting) ?? [];
    this.#events.delete(waiting);
    return events;
  }

  clear(): void {
    this.#events.clear();
  }
}
