/**
 * Repeated events in the newer form: what happens again within six minutes is a series of the event
 * that is there, which says how often it was and when last. Pure: time comes in with each event.
 *
 * The first repetition is written at once, those after it when the series ends, and every half hour
 * until then. Source: KEP-383; upstream v1.36
 * staging/src/k8s.io/client-go/tools/events/event_broadcaster.go.
 */
import type { Event } from '#api/gen/core-v1.ts';
import { microTimeText } from '#api/meta/time.ts';
import type { Correlated } from './event-correlator.ts';
import { RecentMap } from '#base/recent-map.ts';

const MEMORY_MAX = 4096;
/** A series is over when nothing has happened for so long; how often that is looked at, too. */
export const FINISH_MS = 6 * 60_000;
const REFRESH_MS = 30 * 60_000;

interface Entry {
  readonly event: Event;
  count: number;
  lastMs: number;
  /** What the server knows of it, and since when. */
  written: number;
  writtenMs: number;
}

export class EventSeries {
  readonly #entries = new RecentMap<string, Entry>(MEMORY_MAX);
  /** Series that are not over. */
  readonly #open = new Set<string>();

  /** Whether `due` is to be asked after a while. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** `event` is not changed. */
  correlate(event: Event, nowMs: number): Correlated {
    const key = keyOf(event);
    const known = this.#entries.get(key);
    const isOver = !this.#open.has(key) && (known?.lastMs ?? 0) < nowMs - FINISH_MS;
    if (known === undefined || isOver) {
      this.#open.delete(key);
      const fresh = { event, count: 1, lastMs: nowMs, written: 1, writtenMs: nowMs };
      this.#entries.set(key, fresh);
      return { kind: 'create', key, event };
    }
    known.count += 1;
    known.lastMs = nowMs;
    if (known.count > 2) return { kind: 'drop' };
    this.#open.add(key);
    return { kind: 'count', key, event: counted(known, nowMs) };
  }

  /** What has to be written of series that are over, or have gone on for long. */
  due(nowMs: number): Event[] {
    return [...this.#open].flatMap((key) => {
      const entry = this.#entries.get(key);
      const isOver = entry === undefined || entry.lastMs < nowMs - FINISH_MS;
      if (isOver) {
        this.#open.delete(key);
        this.#entries.delete(key);
      }
      if (entry === undefined || entry.count === entry.written) return [];
      return isOver || entry.writtenMs <= nowMs - REFRESH_MS ? [counted(entry, nowMs)] : [];
    });
  }
}

/** From here on the server knows of all of them. */
function counted(entry: Entry, nowMs: number): Event {
  entry.written = entry.count;
  entry.writtenMs = nowMs;
  const lastObservedTime = microTimeText(entry.lastMs);
  return { ...entry.event, series: { count: entry.count, lastObservedTime } };
}

/** All but what it says, and when. */
function keyOf({ type, action, reason, ...event }: Event): string {
  const { reportingComponent, reportingInstance, involvedObject, related } = event;
  const who = [reportingComponent, reportingInstance];
  return JSON.stringify([type, action, reason, who, involvedObject, related]);
}
