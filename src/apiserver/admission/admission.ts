/**
 * Admission: what is let in, and how it is changed on the way.
 *
 * Plug-ins run in the order of `order.ts`: first every `admit` (may change the object), later, on
 * the object as it will be stored, every `validate`. A plug-in refuses by throwing a StatusError.
 * A plug-in may ask that all of `admit` runs once more, on what others have changed since.
 */
import type { Clock } from '#base/env.ts';
import type { AnyKind } from '#api/kind.ts';
import type { JsonObject } from '#api/meta/object.ts';
import type { ApiObject } from '../api-object.ts';
import type { User } from '../context.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface Attributes {
  readonly operation: Operation;
  readonly kind: AnyKind;
  readonly subresource: string;
  /** What `object` and `old` are where that is not `kind`: a Scale, an Eviction, PodExecOptions … */
  readonly objectKind?: AnyKind;
  readonly namespace: string;
  /** Empty while `generateName` has not been resolved. */
  readonly name: string;
  /** The name that stands in the URL: empty for a POST. Undefined where nobody has noted it. */
  readonly nameInUrl?: string;
  /** The object is one of many that the request deletes: the request itself names none. */
  readonly isOfCollection?: boolean;
  /** The object of a CREATE, UPDATE or CONNECT; a plug-in's `admit` may change it. */
  readonly object?: ApiObject;
  readonly old?: ApiObject;
  readonly user: User;
  /** The same at each try of one request, and at no other's. */
  readonly request: object;
  readonly dryRun: boolean;
  /** CreateOptions, UpdateOptions or DeleteOptions of meta.k8s.io/v1; CONNECT has none. */
  options?(): JsonObject;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  warn(text: string): void;
  /**
   * An annotation of the request's audit event; `key` is `NAME OF THE PLUG-IN/…`, as upstream's.
   * `level`: the audit level from which on it is shown; `Metadata` unless given.
   */
  annotate(key: string, value: string, level?: 'Request'): void;
}

/** Objects that a plug-in decides by, as the watch cache shows them. Shared: never change them. */
export interface ObjectReader {
  get(
    resource: { group: string; plural: string },
    namespace: string,
    name: string,
  ): ApiObject | undefined;
  /** As it is when the first is asked for. */
  list(resource: { group: string; plural: string }, namespace?: string): Iterable<ApiObject>;
  count(resource: { group: string; plural: string }, namespace: string): number;
  /** The revision at which the object lies in the store. */
  revisionOf(
    resource: { group: string; plural: string },
    namespace: string,
    name: string,
  ): number | undefined;
  /** Waits until the caches show all writes so far. */
  catchUp(): Promise<boolean>;
  /** Calls `listener` for each change from now on, in order of revision. */
  follow(
    resource: { group: string; plural: string },
    listener: (change: ObjectChange) => void,
  ): void;
}

export interface ObjectChange {
  readonly namespace: string;
  readonly name: string;
  /** The object now; undefined when it is gone. */
  readonly object: ApiObject | undefined;
}

/** One `admit` of the whole chain: at most two rounds. Upstream: admission.ReinvocationContext. */
export class Rounds {
  /** 1 when all plug-ins are asked once more. */
  number: 0 | 1 = 0;
  /** Set by a plug-in that wants the second round: it has changed something others have seen. */
  wantsAnother = false;
  /** What plug-ins keep from the first round to the second, by their names. */
  readonly kept = new Map<string, unknown>();
}

export interface AdmissionPlugin {
  readonly name: string;
  admit?(attributes: Attributes, rounds: Rounds): void | Promise<void>;
  validate?(attributes: Attributes): void | Promise<void>;
  /** A request that was let in is over: what it writes is in the store, or never will be. */
  finished?(request: object): void;
}

/** One step of admission, or one plug-in in it, took so long, in milliseconds. */
export type TookListener = (operation: Operation, rejected: boolean, tookMs: number) => void;

/** Is told how long admission took. */
export interface AdmissionObserver {
  readonly clock: Clock;
  /** Who is to be told of the plug-in of this name in a step; without a name, of the whole step. */
  listener(type: 'admit' | 'validate', plugin?: string): TookListener;
}

/** Undefined where there is nothing to wait for. */
type Work = (attributes: Attributes, rounds: Rounds) => void | Promise<void>;

export class AdmissionChain {
  readonly #admit: Work;
  readonly #validate: Work;
  readonly #told: readonly AdmissionPlugin[];

  /** Without an observer nothing is measured. */
  constructor(plugins: readonly AdmissionPlugin[], observer?: AdmissionObserver) {
    const measured = (type: 'admit' | 'validate', work: Work, plugin?: string): Work =>
      observer === undefined
        ? work
        : measuredWork(work, observer.clock, observer.listener(type, plugin));
    const admitting = inOrder(
      plugins
        .filter((plugin) => plugin.admit !== undefined)
        .map((plugin) =>
          measured(
            'admit',
            (attributes, rounds) => plugin.admit?.(attributes, rounds),
            plugin.name,
          ),
        ),
    );
    const validating = inOrder(
      plugins
        .filter((plugin) => plugin.validate !== undefined)
        .map((plugin) =>
          measured('validate', (attributes) => plugin.validate?.(attributes), plugin.name),
        ),
    );
    this.#admit = measured('admit', async (attributes, rounds) => {
      await admitting(attributes, rounds);
      if (!rounds.wantsAnother) return;
      rounds.number = 1;
      await admitting(attributes, rounds);
    });
    this.#validate = measured('validate', validating);
    this.#told = plugins.filter((plugin) => plugin.finished !== undefined);
  }

  async admit(attributes: Attributes): Promise<void> {
    await this.#admit(attributes, new Rounds());
  }

  async validate(attributes: Attributes): Promise<void> {
    await this.#validate(attributes, new Rounds());
  }

  /** To be called when a write is over, however it ended. */
  finished(request: object): void {
    for (const plugin of this.#told) plugin.finished?.(request);
  }
}

function inOrder(all: readonly Work[]): Work {
  return async (attributes, rounds) => {
    for (const work of all) {
      // Most have nothing to wait for.
      const waiting = work(attributes, rounds);
      if (waiting !== undefined) await waiting;
    }
  };
}

/** `work`, and `took` is told how long it took. */
function measuredWork(work: Work, clock: Clock, took: TookListener): Work {
  return (attributes, rounds) => {
    const { operation } = attributes;
    const startMs = clock.monotonicMs();
    let waiting: void | Promise<void>;
    try {
      waiting = work(attributes, rounds);
    } catch (error) {
      took(operation, true, clock.monotonicMs() - startMs);
      throw error;
    }
    const ended = (rejected: boolean): void =>
      took(operation, rejected, clock.monotonicMs() - startMs);
    if (waiting === undefined) return ended(false);
    return waiting.then(
      () => ended(false),
      (error: unknown) => {
        ended(true);
        throw error;
      },
    );
  };
}
