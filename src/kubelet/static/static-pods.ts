/**
 * The static pods of a node: which of them run, which end, which wait for another to end.
 *
 *   files ─▶ set ─┬─ new ────────────▶ adopt (its worker runs it)
 *                 ├─ same uid ───────▶ update
 *                 ├─ not there ──────▶ end ─▶ removed ─┐
 *                 └─ its name is taken by one that ends ┴▶ adopt
 *
 * Two pods of one name never run at a time: they would fight for ports and files. Upstream:
 * pkg/kubelet/pod_workers.go (waitingToStartStaticPodsByFullname), config/config.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { microTimeText } from '#api/meta/time.ts';
import type { Clock } from '#base/env.ts';
import { keyOf } from '#client/informer.ts';
import type { RunningStatic } from './mirror-plan.ts';
import { CONFIG_SEEN } from './static-pod.ts';

/** What a worker does for a static pod. */
export interface StaticWorkers {
  /** Makes a worker. It calls `removed` when nothing of the pod is left. */
  adopt(pod: Pod): void;
  update(pod: Pod): void;
  /** Ends the pod. */
  end(pod: Pod): void;
}

export interface StaticPodsOptions {
  readonly clock: Clock;
  readonly workers: StaticWorkers;
  /** Told when another one runs or ends. */
  readonly onChange: () => void;
}

interface Entry {
  pod: Pod;
  isLeaving: boolean;
}

export class StaticPods {
  readonly #options: StaticPodsOptions;
  /** What the files say, by `namespace/name`. */
  #wanted = new Map<string, Pod>();
  /** Those that have a worker, by uid. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  /** Those that have a worker. */
  list(): readonly RunningStatic[] {
    return [...this.#entries.values()];
  }

  /** All that the files say now, no two of one name. */
  set(pods: readonly Pod[]): void {
    this.#wanted = new Map(pods.map((pod) => [keyOf(pod), pod]));
    for (const entry of this.#entries.values()) {
      if (entry.isLeaving || this.#wanted.get(keyOf(entry.pod))?.metadata?.uid === uidOf(entry.pod))
        continue;
      entry.isLeaving = true;
      this.#options.workers.end(entry.pod);
    }
    this.#fill();
    this.#options.onChange();
  }

  /** Nothing is left of a pod. */
  removed(uid: string): void {
    if (!this.#entries.delete(uid)) return;
    this.#fill();
    this.#options.onChange();
  }

  #fill(): void {
    const taken = new Set([...this.#entries.values()].map(({ pod }) => keyOf(pod)));
    for (const [name, pod] of this.#wanted) {
      const entry = this.#entries.get(uidOf(pod));
      if (entry !== undefined) this.#update(entry, pod);
      else if (!taken.has(name)) this.#adopt(pod);
    }
  }

  #adopt(pod: Pod): void {
    const seen = withSeen(pod, microTimeText(this.#options.clock.now()));
    this.#entries.set(uidOf(pod), { pod: seen, isLeaving: false });
    this.#options.workers.adopt(seen);
  }

  /** Only a pod that brings its own uid can change and stay the same pod. */
  #update(entry: Entry, pod: Pod): void {
    if (entry.isLeaving) return;
    const next = withSeen(pod, entry.pod.metadata?.annotations?.[CONFIG_SEEN] ?? '');
    if (equalValues(next, entry.pod)) return;
    entry.pod = next;
    this.#options.workers.update(next);
  }
}

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? '';
}

function withSeen(pod: Pod, seen: string): Pod {
  const annotations = { ...pod.metadata?.annotations, [CONFIG_SEEN]: seen };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}
