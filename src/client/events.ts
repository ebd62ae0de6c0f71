/**
 * Events: what a component tells the people who look at an object (`kubectl describe`).
 *
 * Recording never waits and never fails: events go through a bounded queue, in order, and are
 * dropped when it is full or the server refuses them. Upstream:
 * staging/src/k8s.io/client-go/tools/record/event.go, v1.36.
 */
import { EVENT } from '#api/core/event.ts';
import type { Event, ObjectReference } from '#api/gen/core-v1.ts';
import { nameIsDnsSubdomain } from '#api/meta/names.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound, StatusError } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client } from './client.ts';
import { EventCorrelator } from './event-correlator.ts';

const QUEUE_MAX = 1000;
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
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly environment: Environment;
  /** Who reports: `deployment-controller`, `default-scheduler`, `kubelet`. */
  readonly component: string;
  /** The node, for components that run on one. */
  readonly host?: string;
  readonly signal?: AbortSignal;
}

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator = new EventCorrelator();
  readonly #queue: Event[] = [];
  #working = false;
  #dropped = 0;
  #sequence = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Queues an event. */
  event(request: EventRequest): void {
    if (this.#queue.length >= QUEUE_MAX) {
      this.#dropped++;
      return;
    }
    this.#queue.push(this.#make(request));
    if (this.#working) return;
    this.#working = true;
    this.#work().catch((error: unknown) => {
      this.#options.environment.log.error('event recorder failed', { error: String(error) });
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
    const { component, host, environment } = this.#options;
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
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp: timeText(nowMs),
      lastTimestamp: timeText(nowMs),
      count: 1,
      type: request.type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  /** Not every object's name can be the beginning of an event's: it may be too long, or have colons. */
  #name(wanted: string): string {
    const isFine = nameIsDnsSubdomain(wanted, false).length === 0;
    return isFine ? wanted : this.#options.environment.random.uuid();
  }

  async #work(): Promise<void> {
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
        await this.#record(event);
      }
    } finally {
      this.#working = false;
    }
  }

  async #record(event: Event): Promise<void> {
    const { environment, signal } = this.#options;
    const correlated = this.#correlator.correlate(event, environment.clock.now());
    if (correlated.kind === 'drop') return;
    for (let tries = 1; signal?.aborted !== true; tries++) {
      try {
        this.#correlator.written(
          correlated.key,
          await this.#write(correlated.kind, correlated.event),
        );
        return;
      } catch (error) {
        if (error instanceof StatusError || tries >= TRIES_MAX)
          return this.#lost(correlated.event, error);
        const delayMs = tries === 1 ? RETRY_MS * environment.random.next() : RETRY_MS;
        await sleep(environment, delayMs, signal);
      }
    }
  }

  async #write(kind: 'create' | 'count', event: Event): Promise<Event> {
    const { client } = this.#options;
    if (kind === 'create') return client.create(EVENT, event);
    const { name = '', namespace = 'default' } = event.metadata ?? {};
    const { message = '', lastTimestamp, count } = event;
    const patch = { message, lastTimestamp, count };
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

function referenceOf({ about, fieldPath }: EventRequest): ObjectReference {
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
