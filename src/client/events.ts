/**
 * Events: what a component tells the people who look at an object (`kubectl describe`).
 *
 * Recording never waits and never fails: events go through a bounded queue, in order, and are
 * dropped when it is full or the server refuses them. They may be told to linger, so that what they
 * tell of comes first. Upstream:
 * staging/src/k8s.io/client-go/tools/record/event.go, v1.36.
 */
import { EVENT } from '#api/core/event.ts';
import type { Event, ObjectReference } from '#api/gen/core-v1.ts';
import { nameIsDnsSubdomain } from '#api/meta/names.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound, StatusError } from '#api/meta/status.ts';
import { microTimeText, timeText } from '#api/meta/time.ts';
import { type Environment, sleep, type Timer } from '#base/env.ts';
import type { Client } from './client.ts';
import { type Correlated, EventCorrelator } from './event-correlator.ts';
import { EventSeries, FINISH_MS } from './event-series.ts';

const QUEUE_MAX = 1000;
/** For those who do what others wait for: long enough that the next step is under way. */
export const LINGER_MS = 40;
/** Attempts to write one event while the server cannot be reached, and the pause between them. */
const TRIES_MAX = 12;
const RETRY_MS = 10_000;

export interface EventRequest {
  /** What the event is about: an object with its kind, or a reference to one. */
  readonly about: KubeObject | { readonly reference: ObjectReference };
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, for machines. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** The part of the object: `spec.containers{nginx}`. */
  readonly fieldPath?: string;
  /** What was done, and what else it is about: told in the newer form alone. */
  readonly action?: string;
  readonly related?: KubeObject;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly environment: Environment;
  /** Who reports: `deployment-controller`, `default-scheduler`, `kubelet`. */
  readonly component: string;
  /** The node, for components that run on one. */
  readonly host?: string;
  /** The newer form of events: what repeats is a series, and what is done has a name. */
  readonly isSeries?: boolean;
  /** How long an event waits before it is written; not at all unless given. */
  readonly lingerMs?: number;
  readonly signal?: AbortSignal;
}

interface Queued {
  readonly event: Event;
  /** Monotonic. */
  readonly dueMs: number;
}

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator = new EventCorrelator();
  /** Undefined: events are of the older form, and counted. */
  readonly #series: EventSeries | undefined;
  #seriesTimer: Timer | undefined;
  readonly #queue: Queued[] = [];
  #working = false;
  #dropped = 0;
  #sequence = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#series = options.isSeries === true ? new EventSeries() : undefined;
    options.signal?.addEventListener('abort', () => this.#seriesTimer?.cancel());
  }

  /** Queues an event. */
  event(request: EventRequest): void {
    if (this.#queue.length >= QUEUE_MAX) {
      this.#dropped++;
      return;
    }
    const { environment, lingerMs = 0 } = this.#options;
    const dueMs = environment.clock.monotonicMs() + lingerMs;
    this.#queue.push({ event: this.#make(request), dueMs });
    if (this.#working) return;
    this.#working = true;
    this.#work().catch((error: unknown) => {
      environment.log.error('event recorder failed', { error: String(error) });
    });
  }

  /** Events lost because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether nothing waits to be written. */
  get idle(): boolean {
    return !this.#working;
  }

  #make(request: EventRequest): Event {
    const { environment } = this.#options;
    const involvedObject = referenceOf(request);
    const nowMs = environment.clock.now();
    const stamp = (BigInt(nowMs) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000)).toString(16);
    return {
      metadata: {
        name: this.#name(`${involvedObject.name ?? ''}.${stamp}`),
        namespace: involvedObject.namespace ?? 'default',
      },
      involvedObject,
      reason: request.reason,
      message: request.message,
      type: request.type,
      ...(this.#series === undefined ? this.#counted(nowMs) : this.#named(request, nowMs)),
    };
  }

  #counted(nowMs: number) {
    const { component, host } = this.#options;
    return {
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp: timeText(nowMs),
      lastTimestamp: timeText(nowMs),
      count: 1,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  #named({ action = '', related }: EventRequest, nowMs: number) {
    const { component, host } = this.#options;
    return {
      eventTime: microTimeText(nowMs),
      action,
      ...(related === undefined ? {} : { related: referenceOf({ about: related }) }),
      reportingComponent: component,
      reportingInstance: host === undefined ? component : `${component}-${host}`,
    };
  }

  /** Not every object's name can be the beginning of an event's: it may be too long, or have colons. */
  #name(wanted: string): string {
    const isFine = nameIsDnsSubdomain(wanted, false).length === 0;
    return isFine ? wanted : this.#options.environment.random.uuid();
  }

  async #work(): Promise<void> {
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        await this.#lingered(next.dueMs);
        await this.#record(next.event);
      }
    } finally {
      this.#working = false;
    }
  }

  async #lingered(dueMs: number): Promise<void> {
    const { environment, signal } = this.#options;
    const leftMs = dueMs - environment.clock.monotonicMs();
    if (leftMs > 0) await sleep(environment, leftMs, signal);
  }

  async #record(event: Event): Promise<void> {
    const { environment } = this.#options;
    const correlator = this.#series ?? this.#correlator;
    const correlated = correlator.correlate(event, environment.clock.now());
    if (this.#series?.isOpen === true) this.#watchSeries(this.#series);
    if (correlated.kind === 'drop') return;
    const written = await this.#deliver(correlated.kind, correlated.event);
    if (this.#series === undefined && written !== undefined)
      this.#correlator.written(correlated.key, written);
  }

  /** What repeats and is not written yet is written in the end. */
  #watchSeries(series: EventSeries): void {
    const { environment, signal } = this.#options;
    if (this.#seriesTimer !== undefined || signal?.aborted === true) return;
    this.#seriesTimer = environment.timers.after(FINISH_MS, () => {
      this.#seriesTimer = undefined;
      for (const event of series.due(environment.clock.now()))
        this.#deliver('count', event).catch((error: unknown) => this.#lost(event, error));
      if (series.isOpen) this.#watchSeries(series);
    });
  }

  /** Answers what the server has; undefined: it refused, or could not be reached for long. */
  async #deliver(
    kind: Exclude<Correlated['kind'], 'drop'>,
    event: Event,
  ): Promise<Event | undefined> {
    const { environment, signal } = this.#options;
    for (let tries = 1; signal?.aborted !== true; tries++) {
      try {
        return await this.#write(kind, event);
      } catch (error) {
        if (error instanceof StatusError || tries >= TRIES_MAX) {
          this.#lost(event, error);
          return undefined;
        }
        const delayMs = tries === 1 ? RETRY_MS * environment.random.next() : RETRY_MS;
        await sleep(environment, delayMs, signal);
      }
    }
    return undefined;
  }

  async #write(kind: 'create' | 'count', event: Event): Promise<Event> {
    const { client } = this.#options;
    if (kind === 'create') return client.create(EVENT, event);
    const { name = '', namespace = 'default' } = event.metadata ?? {};
    const { message = '', lastTimestamp, count, series } = event;
    const patch = series === undefined ? { message, lastTimestamp, count } : { series };
    return client.patch(EVENT, { name, namespace }, 'strategic', patch).catch((error: unknown) => {
      // Events expire; the count then goes on under the same name.
      if (isNotFound(error)) return client.create(EVENT, event);
      throw error;
    });
  }

  #lost(event: Event, error: unknown): void {
    this.#options.environment.log.debug('event was refused', {
      reason: event.reason,
      object: event.involvedObject.name,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

function referenceOf({
  about,
  fieldPath,
}: Pick<EventRequest, 'about' | 'fieldPath'>): ObjectReference {
  const path = fieldPath === undefined ? {} : { fieldPath };
  if ('reference' in about) return { ...about.reference, ...path };
  const { apiVersion, kind, metadata: meta } = about;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(meta?.namespace === undefined ? {} : { namespace: meta.namespace }),
    ...(meta?.name === undefined ? {} : { name: meta.name }),
    ...(meta?.uid === undefined ? {} : { uid: meta.uid }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(meta?.resourceVersion === undefined ? {} : { resourceVersion: meta.resourceVersion }),
    ...path,
  };
}
