/**
 * The manager: runs a list of controllers over shared informers, each with its own identity.
 *
 * For each controller one queue and a few workers; a pass of a key starts when the caches have seen
 * the writes of the key's last pass (`own-writes.ts`), and a failed pass comes back after a
 * back-off. Upstream: staging/src/k8s.io/controller-manager and the worker loops of pkg/controller.
 */
import { StatusError } from '#api/meta/status.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Environment, Logger, Timer } from '#base/env.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import type { Change, Informer } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { type Controller, type Reconcile, type Setup, TerminalError } from './controller.ts';
import { OwnWrites } from './own-writes.ts';
import { RecordingClient } from './recording-client.ts';
import { StaleMetrics } from './stale-metrics.ts';
import { QueueMetrics } from './queue-metrics.ts';
import { WorkQueue } from './work-queue.ts';

const CONCURRENCY_DEFAULT = 5;

export interface ManagerOptions {
  readonly controllers: readonly Controller[];
  readonly informers: InformerFactory;
  readonly environment: Environment;
  /** The client that speaks as this service account of kube-system; `null`: as the manager itself. */
  readonly clientFor: (serviceAccount: string | null) => Client;
  readonly concurrency?: number;
  /** Keys worked on at once, of controllers by their name: before what they say themselves. */
  readonly concurrencies?: ReadonlyMap<string, number>;
  /** Where queues and controllers tell of themselves; without, what they tell is lost. */
  readonly metrics?: MetricRegistry;
}

/** What a controller is doing now. */
export interface ControllerState {
  readonly name: string;
  readonly synced: boolean;
  /** Keys that wait or are worked on. */
  readonly busy: number;
  /** Keys that wait for the caches to see their own writes. */
  readonly held: number;
  /** Until the next delayed key; undefined when there is none. */
  readonly nextDelayMs: number | undefined;
  readonly passes: number;
  readonly failures: number;
}

export class Manager {
  readonly #runners: readonly Runner[];
  readonly #informers: InformerFactory;

  constructor(options: ManagerOptions) {
    this.#informers = options.informers;
    const { metrics: given, environment } = options;
    const metrics = given ?? new MetricRegistry();
    const queues = given && new QueueMetrics(given, environment.clock);
    this.#runners = options.controllers.map(
      (controller) => new Runner(controller, { ...options, metrics }, queues),
    );
  }

  /** Starts everything until `signal` is aborted. Call once. */
  start(signal: AbortSignal): void {
    for (const runner of this.#runners) runner.create(signal);
    this.#informers.start(signal);
    for (const runner of this.#runners) runner.start();
  }

  /** Resolves when all caches are filled and everything found in them has had its first pass. */
  async synced(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.firstDrained));
  }

  /** Resolves, after an abort, when the last pass has ended. */
  async stopped(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.stopped));
  }

  /** Nothing waits, runs or is held, and no delayed key is due within `withinMs`. */
  isSettled(withinMs = 0): boolean {
    return this.states().every(
      ({ synced, busy, held, nextDelayMs }) =>
        synced && busy === 0 && held === 0 && (nextDelayMs === undefined || nextDelayMs > withinMs),
    );
  }

  states(): ControllerState[] {
    return this.#runners.map((runner) => runner.state());
  }
}

type RunnerOptions = ManagerOptions & { readonly metrics: MetricRegistry };

class Runner {
  readonly #controller: Controller;
  readonly #options: RunnerOptions;
  readonly #queue: WorkQueue;
  readonly #ownWrites: OwnWrites;
  readonly #client: Client;
  readonly #log: Logger;
  readonly #concurrency: number;
  readonly #stale: StaleMetrics | undefined;
  /** Keys that wait for a cache, each with the timer that ends the wait. */
  readonly #held = new Map<string, Timer>();
  readonly #watched: Informer<KubeObject>[] = [];
  readonly #drained = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #reconcile: Reconcile | undefined;
  #signal: AbortSignal | undefined;
  #running = false;
  #active = 0;
  #passes = 0;
  #failures = 0;

  constructor(controller: Controller, options: RunnerOptions, queues?: QueueMetrics) {
    const { environment } = options;
    this.#controller = controller;
    this.#options = options;
    this.#log = environment.log.with({ controller: controller.name });
    const { backoff } = controller;
    const queue = controller.queue ?? controller.name.replace(/-controller$/, '');
    const observer = queues?.observerOf(queue);
    this.#queue = new WorkQueue(environment, () => this.#pump(), {
      ...(observer === undefined ? {} : { observer }),
      ...(backoff === undefined ? {} : { backoff }),
    });
    this.#ownWrites = new OwnWrites(environment.clock);
    const { staleSubsystem } = controller;
    this.#stale =
      staleSubsystem === undefined ? undefined : new StaleMetrics(options.metrics, staleSubsystem);
    this.#client = options.clientFor(
      controller.identity === undefined ? controller.name : controller.identity,
    );
    this.#concurrency =
      options.concurrencies?.get(controller.name) ??
      controller.concurrency ??
      options.concurrency ??
      CONCURRENCY_DEFAULT;
  }

  get firstDrained(): Promise<void> {
    return this.#drained.promise;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  create(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#stop());
    this.#reconcile = this.#controller.create(this.#setup(signal));
  }

  /** Lets the workers begin when the caches are filled. */
  start(): void {
    Promise.all(this.#watched.map((informer) => informer.synced())).then(
      () => {
        if (this.#signal?.aborted === true) return;
        this.#running = true;
        this.#pump();
      },
      (error: unknown) => this.#log.error('controller cannot start', { error: String(error) }),
    );
  }

  state(): ControllerState {
    return {
      name: this.#controller.name,
      synced: this.#running,
      busy: this.#queue.busy,
      held: this.#held.size,
      nextDelayMs: this.#queue.nextDelayMs,
      passes: this.#passes,
      failures: this.#failures,
    };
  }

  #setup(signal: AbortSignal): Setup {
    const { environment, informers, metrics } = this.#options;
    const { name, component = name } = this.#controller;
    return {
      name,
      environment,
      log: this.#log,
      client: this.#client,
      events: new EventRecorder({ client: this.#client, environment, component, signal }),
      metrics,
      signal,
      enqueue: (key, afterMs = 0) => {
        if (!signal.aborted) this.#queue.addAfter(key, afterMs);
      },
      watch: <T extends KubeObject>(
        type: Parameters<Setup['watch']>[0],
        map?: (change: Change<T>) => Iterable<string>,
        options = {},
      ): Informer<T> => {
        const informer = informers.for(type, options);
        this.#watch(informer);
        // Sound: the caller's `type` and `map` speak of the same T (Setup.watch).
        const typed = informer as unknown as Informer<T>;
        if (map !== undefined) this.#wakeOn(typed, map);
        return typed;
      },
    };
  }

  #watch(informer: Informer<KubeObject>): void {
    if (this.#watched.includes(informer)) return;
    this.#watched.push(informer);
    this.#ownWrites.track(informer);
    const unsubscribe = informer.onRevision(() => this.#letGo());
    this.#signal?.addEventListener('abort', unsubscribe);
  }

  #wakeOn<T extends KubeObject>(
    informer: Informer<T>,
    map: (change: Change<T>) => Iterable<string>,
  ): void {
    const unsubscribe = informer.onChange((change) => {
      for (const key of map(change)) this.#queue.add(key);
    });
    this.#signal?.addEventListener('abort', unsubscribe);
  }

  /** A cache has moved on: keys that waited for it may be ready. */
  #letGo(): void {
    for (const [key, timer] of this.#held) {
      if (this.#ownWrites.holds(key)) continue;
      timer.cancel();
      this.#held.delete(key);
      this.#queue.add(key);
    }
  }

  #pump(): void {
    if (!this.#running) return;
    while (this.#active < this.#concurrency) {
      const key = this.#queue.take();
      if (key === undefined) break;
      if (this.#ownWrites.holds(key)) {
        this.#hold(key);
        continue;
      }
      this.#active++;
      this.#work(key).catch((error: unknown) =>
        this.#log.error('worker failed', { key, error: String(error) }),
      );
    }
    if (this.#active === 0 && this.#queue.busy === 0) this.#drained.resolve();
  }

  #hold(key: string): void {
    this.#queue.done(key);
    const type = this.#ownWrites.staleType(key);
    if (type !== undefined) this.#stale?.skipped(type);
    if (this.#held.has(key)) return;
    const { timers } = this.#options.environment;
    this.#held.set(
      key,
      timers.after(this.#ownWrites.expiresInMs(key), () => this.#letGo()),
    );
  }

  async #work(key: string): Promise<void> {
    this.#held.get(key)?.cancel();
    this.#held.delete(key);
    this.#passes++;
    try {
      const client = new RecordingClient({ client: this.#client, ownWrites: this.#ownWrites, key });
      const result = await this.#reconcile?.(key, { client });
      this.#queue.forget(key);
      if (result?.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      this.#failed(key, error);
    } finally {
      this.#active--;
      this.#queue.done(key);
      if (this.#signal?.aborted === true) this.#stop();
      else this.#pump();
    }
  }

  #failed(key: string, error: unknown): void {
    this.#failures++;
    const message = error instanceof Error ? error.message : String(error);
    if (this.#signal?.aborted === true) return;
    if (error instanceof TerminalError) {
      this.#queue.forget(key);
      this.#log.error('reconcile failed for good', { key, error: message });
      return;
    }
    const retryMs = this.#queue.addRateLimited(key);
    // What the server refused is everyday (conflicts, quotas); anything else is a defect of ours.
    if (error instanceof StatusError)
      this.#log.debug('reconcile failed', { key, error: message, retryMs });
    else
      this.#log.warn('reconcile failed', { key, error: message, retryMs, stack: stackOf(error) });
  }

  #stop(): void {
    this.#running = false;
    this.#queue.clear();
    for (const timer of this.#held.values()) timer.cancel();
    this.#held.clear();
    this.#drained.resolve();
    if (this.#active === 0) this.#stopped.resolve();
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
