/**
 * What happens while somebody is asked about a pod: it may help the pod, if it is refused in the end.
 *
 * Source: upstream pkg/scheduler/backend/queue/active_queue.go (inFlightEvents), v1.36. There every
 * attempt takes its time, here only those that others have a say in.
 */
import { ANY_EVENT, type ClusterEvent } from '../cluster-events.ts';
import type { PodInfo } from '../framework.ts';
import type { Waiting } from './waiting.ts';

/** What is more than so much of one pod is not looked at: then anything may help it. */
const EVENTS_MAX = 1_000;

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
    for (const [{ info }, events] of this.#events) if (which(info)) keep(events, [event]);
  }

  /** What has happened to the pod itself. */
  changed(waiting: Waiting, events: readonly ClusterEvent[]): void {
    const kept = this.#events.get(waiting);
    if (kept !== undefined) keep(kept, events);
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

function keep(events: ClusterEvent[], more: readonly ClusterEvent[]): void {
  events.push(...more);
  if (events.length > EVENTS_MAX) events.splice(0, events.length, ANY_EVENT);
}
