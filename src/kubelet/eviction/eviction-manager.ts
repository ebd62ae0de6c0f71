/**
 * Keeps the node from running out of memory, disk and process ids.
 *
 *   every 10 seconds: observe ─▶ conditions ─▶ pods over their own limits of storage: evict them
 *                                          └─▶ a threshold is met: free images ─▶ not enough: evict
 *                                              the first of the ranked pods, wait until it is gone
 *
 * Decisions are pure (`pressure.ts`, `rank.ts`, `local-storage.ts`). At most one pod goes at a time
 * for pressure. Upstream: pkg/kubelet/eviction/eviction_manager.go, v1.36.
 */
import type { Pod, PodCondition } from '#api/gen/core-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { keyOf } from '#client/informer.ts';
import { isCriticalPod } from '../admission/critical-pod.ts';
import { milliseconds } from '../config/durations.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import type { KubeletEvents } from '../events.ts';
import { hasStorageLimit, storageExcess } from './local-storage.ts';
import { EVICTED, pressureMessage } from './messages.ts';
import { metThresholds, mostUrgent, nextPressure, NO_PRESSURE } from './pressure.ts';
import { rankedForEviction } from './rank.ts';
import {
  type EvictionObserver,
  type Observations,
  type PressureCondition,
  SIGNALS,
} from './signals.ts';
import {
  type EvictionConfig,
  isHard,
  type Threshold,
  thresholdsOf,
  withContainerFs,
} from './thresholds.ts';

const LOOK_MS = 10_000;
const CLEANUP_LOOK_MS = 1000;
const CLEANUP_WAIT_MS = 30_000;
/** For what cannot wait. */
const IMMEDIATE_GRACE_SECONDS = 1;

export interface Eviction {
  readonly message: string;
  readonly gracePeriodSeconds: number;
  readonly condition?: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;
}

/** The pods of the node, as far as eviction needs them. */
export interface EvictablePods {
  /** Those that hold something of the node. */
  list(): readonly Pod[];
  /** Begins to end the pod as Failed. */
  evict(pod: Pod, eviction: Eviction): void;
  /** Nothing of it runs, its volumes are gone. */
  isCleanedUp(pod: Pod): boolean;
}

export interface EvictionManagerOptions {
  readonly environment: Environment;
  readonly events: KubeletEvents;
  readonly nodeName: string;
  readonly config: EvictionConfig &
    Pick<
      KubeletConfiguration,
      | 'evictionPressureTransitionPeriod'
      | 'evictionMaxPodGracePeriod'
      | 'localStorageCapacityIsolation'
    >;
  readonly observer: EvictionObserver;
  readonly pods: EvictablePods;
  /** Removes the images that nobody uses. */
  readonly freeImages: () => Promise<void>;
  /** Told when a condition begins or ends to hold. */
  readonly onConditions: () => void;
}

export class EvictionManager {
  readonly #options: EvictionManagerOptions;
  readonly #thresholds: readonly Threshold[];
  #withContainerFs: readonly Threshold[] | undefined;
  #state = NO_PRESSURE;

  /** Throws an EvictionConfigError. */
  constructor(options: EvictionManagerOptions) {
    this.#options = options;
    this.#thresholds = thresholdsOf(options.config);
  }

  /** Those that hold now. */
  get conditions(): ReadonlySet<PressureCondition> {
    return this.#state.conditions;
  }

  /** Runs until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { environment } = this.#options;
    while (!signal.aborted) {
      const evicted = await this.look().catch((error: unknown) => {
        environment.log.error('eviction failed', { error: messageOf(error) });
        return [];
      });
      if (evicted.length > 0) await this.#cleanedUp(evicted, signal);
      else await sleep(environment, LOOK_MS, signal);
    }
  }

  /** One look; gives the pods that were evicted. */
  async look(): Promise<readonly Pod[]> {
    const { observer, pods, config, environment } = this.#options;
    const active = pods.list();
    // To measure what pods hold costs: of the others only when the node is short of something.
    const limited = config.localStorageCapacityIsolation ? active.filter(hasStorageLimit) : [];
    const observations = await observer.observe(limited);
    const before = this.#state;
    // Once: what is remembered of a threshold is kept by the object.
    this.#withContainerFs ??= withContainerFs(this.#thresholds, observations);
    const thresholds = this.#withContainerFs;
    const now = {
      thresholds,
      signals: observations.signals,
      nowMs: environment.clock.monotonicMs(),
    };
    const transitionMs = milliseconds(config.evictionPressureTransitionPeriod);
    this.#state = nextPressure(before, now, transitionMs);
    if (!sameSet(before.conditions, this.#state.conditions)) this.#options.onConditions();
    const evicted = this.#evictForStorage(limited, observations);
    return evicted.length > 0 ? evicted : this.#relieve(active);
  }

  #evictForStorage(active: readonly Pod[], observations: Observations): Pod[] {
    return active.filter((pod) => {
      const use = observations.pods.get(pod.metadata?.uid ?? '');
      const message = use === undefined ? undefined : storageExcess(pod, use, observations);
      if (message === undefined) return false;
      return this.#evict(pod, { message, gracePeriodSeconds: IMMEDIATE_GRACE_SECONDS });
    });
  }

  async #relieve(active: readonly Pod[]): Promise<Pod[]> {
    const { met } = this.#state;
    const threshold = mostUrgent(met);
    if (threshold === undefined) return [];
    const observations = await this.#options.observer.observe(active);
    const { resource } = SIGNALS[threshold.signal];
    this.#warn('EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (await this.#isRelievedByImages(threshold, observations)) return [];
    for (const pod of rankedForEviction(active, threshold.signal, observations)) {
      const message = pressureMessage(pod, threshold, { met, observations });
      const gracePeriodSeconds = this.#graceOf(pod, threshold);
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'TerminationByKubelet',
        message,
      };
      if (this.#evict(pod, { message, gracePeriodSeconds, condition })) return [pod];
    }
    return [];
  }

  /** Frees images where they lie on the file system that is full. */
  async #isRelievedByImages(
    { signal }: Threshold,
    { hasImageFs, hasContainerFs }: Observations,
  ): Promise<boolean> {
    const { environment, freeImages, observer, pods } = this.#options;
    if (SIGNALS[signal].condition !== 'DiskPressure') return false;
    const isElsewhere = hasContainerFs
      ? !signal.startsWith('imagefs.')
      : signal.startsWith('nodefs.');
    if (hasImageFs && isElsewhere) return false;
    await freeImages().catch((error: unknown) => {
      environment.log.warn('cannot free images', { error: messageOf(error) });
    });
    const { signals } = await observer.observe(pods.list());
    return metThresholds(this.#withContainerFs ?? [], signals, true).length === 0;
  }

  #graceOf({ spec }: Pod, threshold: Threshold): number {
    if (isHard(threshold)) return IMMEDIATE_GRACE_SECONDS;
    const { evictionMaxPodGracePeriod: max = 0 } = this.#options.config;
    const own = spec?.terminationGracePeriodSeconds ?? 30;
    // Below zero the pod's own word counts.
    return max < 0 ? own : Math.min(max, own);
  }

  /** False: the node needs the pod. */
  #evict(pod: Pod, eviction: Eviction): boolean {
    const { environment, events, pods } = this.#options;
    if (isCriticalPod(pod)) {
      environment.log.error('cannot evict a critical pod', { pod: keyOf(pod) });
      return false;
    }
    const about = { ...pod, apiVersion: 'v1', kind: 'Pod' };
    events.event({ about, type: 'Warning', reason: EVICTED, message: eviction.message });
    pods.evict(pod, eviction);
    return true;
  }

  #warn(reason: string, message: string): void {
    const { events, nodeName } = this.#options;
    const reference = { kind: 'Node', name: nodeName, uid: nodeName };
    events.event({ about: { reference }, type: 'Warning', reason, message });
  }

  async #cleanedUp(evicted: readonly Pod[], signal: AbortSignal): Promise<void> {
    const { environment, pods } = this.#options;
    for (let waitedMs = 0; waitedMs < CLEANUP_WAIT_MS; waitedMs += CLEANUP_LOOK_MS) {
      await sleep(environment, CLEANUP_LOOK_MS, signal);
      if (signal.aborted || evicted.every((pod) => pods.isCleanedUp(pod))) return;
    }
    environment.log.info('timed out waiting for pods to be cleaned up', {
      pods: evicted.map(keyOf),
    });
  }
}

function sameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}
