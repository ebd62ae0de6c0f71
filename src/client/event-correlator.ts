/**
 * Keeps events from flooding the server: repeated ones are counted, similar ones are combined, and
 * a source that never stops is cut off. Pure: time comes in with each event.
 *
 * The rules and figures are upstream's: staging/src/k8s.io/client-go/tools/record/events_cache.go, v1.36.
 */
import type { Event } from '#api/gen/core-v1.ts';
import { RecentMap } from '#base/recent-map.ts';

/** Entries of each of the three memories. */
const MEMORY_MAX = 4096;
/** So many different messages of one reason within the interval are combined from then on. */
const SIMILAR_MAX = 10;
const SIMILAR_INTERVAL_MS = 600_000;
/** Token bucket of one source, object and type. */
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;

const COMBINED_PREFIX = '(combined from similar events): ';

/** What is to be written: a new event, or a further count of one that the server should have. */
export type Correlated =
  | { readonly kind: 'create'; readonly key: string; readonly event: Event }
  | { readonly kind: 'count'; readonly key: string; readonly event: Event }
  | { readonly kind: 'drop' };

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class EventCorrelator {
  readonly #similar = new RecentMap<string, Similar>(MEMORY_MAX);
  readonly #buckets = new RecentMap<string, Bucket>(MEMORY_MAX);
  /** Events as they were seen last, by the key under which they repeat. */
  readonly #observed = new RecentMap<string, Event>(MEMORY_MAX);

  /** `event` has firstTimestamp and lastTimestamp of now and count 1. It is not changed. */
  correlate(event: Event, nowMs: number): Correlated {
    const { key, message } = this.#aggregate(event, nowMs);
    const known = this.#observed.get(key);
    const observed: Event =
      known === undefined
        ? { ...event, message }
        : {
            ...event,
            message,
            metadata: { ...event.metadata, ...nameOf(known) },
            ...(known.firstTimestamp === undefined ? {} : { firstTimestamp: known.firstTimestamp }),
            count: (known.count ?? 0) + 1,
          };
    // What is cut off counts too: the next one that goes out tells how many there were.
    this.#observed.set(key, observed);
    if (!this.#allowed(joined([subjectKey(event), event.type]), nowMs)) return { kind: 'drop' };
    return { kind: known === undefined ? 'create' : 'count', key, event: observed };
  }

  /** Remembers what the server has under `key`. */
  written(key: string, event: Event): void {
    this.#observed.set(key, event);
  }

  #aggregate(event: Event, nowMs: number): { key: string; message: string } {
    const message = event.message ?? '';
    const groupKey = aggregateKey(event);
    let similar = this.#similar.get(groupKey);
    if (similar === undefined || nowMs - similar.lastMs > SIMILAR_INTERVAL_MS) {
      similar = { messages: new Set(), lastMs: nowMs };
    }
    similar.messages.add(message);
    similar.lastMs = nowMs;
    this.#similar.set(groupKey, similar);
    if (similar.messages.size < SIMILAR_MAX) return { key: eventKey(event), message };
    // One goes out, so that the set stays bounded while the flood lasts.
    for (const oldest of similar.messages) {
      similar.messages.delete(oldest);
      break;
    }
    return { key: groupKey, message: `${COMBINED_PREFIX}${message}` };
  }

  #allowed(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: SPAM_BURST, atMs: nowMs };
    const refill = (nowMs - bucket.atMs) / SPAM_REFILL_MS;
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + Math.max(0, refill));
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

function nameOf(event: Event): { name: string } {
  return { name: event.metadata?.name ?? '' };
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.map((part) => part ?? '').join('\u0000');
}

function subjectKey({ source, involvedObject: about }: Event): string {
  return joined([
    source?.component,
    source?.host,
    about.kind,
    about.namespace,
    about.name,
    about.uid,
    about.apiVersion,
  ]);
}

function aggregateKey(event: Event): string {
  return joined([
    subjectKey(event),
    event.type,
    event.reason,
    event.reportingComponent,
    event.reportingInstance,
  ]);
}

function eventKey(event: Event): string {
  return joined([
    subjectKey(event),
    event.involvedObject.fieldPath,
    event.type,
    event.reason,
    event.message,
  ]);
}
