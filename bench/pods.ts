/** Pods as a watch shows them: when each was bound, ran, and was gone. */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { ListOptions, WatchEvent } from '#client/client.ts';
import type { RestClient } from '#client/rest.ts';
import { type Patience, within } from './wait.ts';

export type Stage = 'bound' | 'running' | 'gone';

interface Wait {
  readonly stage: Stage;
  readonly count: number;
  readonly resolve: (atMs: number) => void;
  readonly reject: (error: unknown) => void;
}

export const NAMESPACE = 'default';

/** Moments are milliseconds of `performance.now()`. */
export class PodWatch {
  readonly #moments: Record<Stage, Map<string, number>> = {
    bound: new Map(),
    running: new Map(),
    gone: new Map(),
  };
  readonly #waits = new Set<Wait>();
  readonly #stopping = new AbortController();
  #resourceVersion = '';

  /** Watches the pods with `labelSelector` of the namespace `default` that come from now on. */
  static async open(client: RestClient, labelSelector: string): Promise<PodWatch> {
    const watch = new PodWatch();
    const selection = { namespace: NAMESPACE, labelSelector };
    const { resourceVersion } = await client.list(POD, selection);
    watch.#resourceVersion = resourceVersion;
    watch.#follow(client, selection).catch((error: unknown) => watch.#end(error));
    return watch;
  }

  /** A server may end a watch at any time, of a reader that is too slow for one: then it goes on from there. */
  async #follow(client: RestClient, selection: ListOptions): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const from = { ...selection, resourceVersion: this.#resourceVersion, signal };
      await client.watch(POD, from, (event) => this.#see(event));
    }
  }

  /** When the pod reached the stage; undefined: it has not. */
  momentOf(stage: Stage, name: string): number | undefined {
    return this.#moments[stage].get(name);
  }

  /** How many pods have reached the stage. */
  count(stage: Stage): number {
    return this.#moments[stage].size;
  }

  /** Resolves with the moment when `count` pods had reached the stage. */
  until(stage: Stage, count: number, timeoutMs: number): Promise<number> {
    const patience: Patience = { timeoutMs, what: `${count} pods to be ${stage}` };
    const reached = new Promise<number>((resolve, reject) => {
      this.#waits.add({ stage, count, resolve, reject });
      this.#wake();
    });
    return within(reached, patience).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${this.count(stage)} are`, { cause: error });
    });
  }

  /** Forgets what was seen. */
  reset(): void {
    for (const moments of Object.values(this.#moments)) moments.clear();
  }

  close(): void {
    this.#stopping.abort();
  }

  #see({ type, object }: WatchEvent<Pod>): void {
    this.#resourceVersion = object.metadata?.resourceVersion ?? this.#resourceVersion;
    if (type === 'BOOKMARK') return;
    const name = object.metadata?.name ?? '';
    if ((object.spec?.nodeName ?? '') !== '') this.#reach('bound', name);
    if (object.status?.phase === 'Running') this.#reach('running', name);
    if (type === 'DELETED') this.#reach('gone', name);
    this.#wake();
  }

  #reach(stage: Stage, name: string): void {
    const moments = this.#moments[stage];
    if (!moments.has(name)) moments.set(name, performance.now());
  }

  #wake(): void {
    for (const wait of this.#waits) {
      const moments = this.#moments[wait.stage];
      if (moments.size < wait.count) continue;
      this.#waits.delete(wait);
      wait.resolve([...moments.values()][wait.count - 1] ?? 0);
    }
  }

  #end(error: unknown): void {
    for (const { reject } of this.#waits) reject(error);
    this.#waits.clear();
  }
}
