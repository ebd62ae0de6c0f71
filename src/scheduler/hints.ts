/**
 * Which pods an event of the cluster may help: each plug-in says it of the pods that it refused.
 *
 * Source: KEP-4247; upstream pkg/scheduler/backend/queue/scheduling_queue.go
 * (isPodWorthRequeuing).
 */
import type { Cluster } from './cluster.ts';
import { type ClusterEvent, type EventHint, isAbout } from './cluster-events.ts';
import type { Plugin, PodInfo } from './framework.ts';
import type { FrameworkMetrics } from './framework-metrics.ts';

/** What is to be done with a pod: nothing, try it after its back-off, try it now. */
export type Requeue = 'skip' | 'backoff' | 'now';

/** A pod that was refused, and by whom. */
export interface RefusedPod {
  readonly info: PodInfo;
  /** Plug-ins that refused it; empty when the attempt itself failed. */
  readonly rejectors: ReadonlySet<string>;
  /** Of those, the ones that wait for something that is under way. */
  readonly pending: ReadonlySet<string>;
}

interface PluginHint {
  readonly plugin: string;
  readonly hint: EventHint;
}

export class Hints {
  readonly #hints: readonly PluginHint[];
  readonly #cluster: Cluster;
  readonly #byEvent = new Map<string, readonly PluginHint[]>();

  readonly #metrics: FrameworkMetrics | undefined;

  constructor(plugins: readonly Plugin[], cluster: Cluster, metrics?: FrameworkMetrics) {
    this.#cluster = cluster;
    this.#metrics = metrics;
    this.#hints = plugins.flatMap(({ name, hints = [] }) =>
      hints.map((hint) => ({ plugin: name, hint })),
    );
  }

  /** The plug-ins that want to hear of such events. */
  pluginsAbout(event: ClusterEvent): ReadonlySet<string> {
    return new Set(this.#about(event).map(({ plugin }) => plugin));
  }

  requeue({ info, rejectors, pending }: RefusedPod, event: ClusterEvent): Requeue {
    if (rejectors.size === 0 || event.resource === '*') return 'backoff';
    let answer: Requeue = 'skip';
    for (const { plugin, hint } of this.#about(event)) {
      if (!rejectors.has(plugin)) continue;
      if (!this.#helps({ plugin, hint }, info, event)) continue;
      if (pending.has(plugin)) return 'now';
      if (pending.size === 0) return 'backoff';
      answer = 'backoff';
    }
    return answer;
  }

  #helps({ plugin, hint }: PluginHint, pod: PodInfo, event: ClusterEvent): boolean {
    const metrics = this.#metrics?.samplesHint() === true ? this.#metrics : undefined;
    const sinceMs = metrics?.now() ?? 0;
    const helps = hint.helps?.(pod, event, this.#cluster) ?? true;
    metrics?.hinted(plugin, event, { helps, sinceMs });
    return helps;
  }

  #about(event: ClusterEvent): readonly PluginHint[] {
    const key = `${event.resource}/${event.action}`;
    let about = this.#byEvent.get(key);
    if (about === undefined) {
      about = this.#hints.filter(({ hint }) => isAbout(hint, event));
      this.#byEvent.set(key, about);
    }
    return about;
  }
}
