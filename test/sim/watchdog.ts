/**
 * Watches a simulated cluster from outside, without faults, and says when a promise is broken: at
 * once, with the time, so that a seed is a bug report.
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { type Change, Informer, keyFor, keyOf } from '#client/informer.ts';
import { desiredReplicas, maxSurge, maxUnavailable } from '#controllers/deployment/limits.ts';
import type { TestCluster } from '#kit/cluster.ts';

/** So long a controller may still follow a specification that has been replaced. */
const LIMIT_MEMORY_MS = 60_000;

interface Limit {
  readonly value: number;
  /** When it stopped to be the specification; undefined: it still is. */
  untilMs: number | undefined;
}

export class Watchdog {
  readonly violations: string[] = [];
  readonly #cluster: TestCluster;
  readonly #pods: Informer<Pod>;
  readonly #deployments: Informer<Deployment>;
  readonly #sets;
  readonly #limits = new Map<string, Limit[]>();
  /** Deployments that must not fall below their minimum now, and that minimum. */
  readonly #floors = new Map<string, number>();

  constructor(cluster: TestCluster, signal: AbortSignal) {
    this.#cluster = cluster;
    const { client, environment } = cluster;
    this.#pods = new Informer({ client, environment, type: POD });
    this.#deployments = new Informer({ client, environment, type: DEPLOYMENT });
    this.#sets = new Informer({ client, environment, type: REPLICA_SET });
    this.#deployments.onChange((change) => this.#deploymentChanged(change));
    this.#pods.onChange(({ object }) => this.#podChanged(object));
    for (const informer of [this.#pods, this.#deployments, this.#sets]) informer.start(signal);
  }

  /** From now on this Deployment must keep its minimum of ready Pods. Only if it has them. */
  guard(deployment: Deployment): void {
    const floor = desiredReplicas(deployment) - maxUnavailable(deployment);
    const key = keyOf(deployment);
    if (this.#count(key, isPodReady) >= desiredReplicas(deployment)) this.#floors.set(key, floor);
  }

  /** Something happens that may cost Pods: no promise holds. */
  release(key?: string): void {
    if (key === undefined) this.#floors.clear();
    else this.#floors.delete(key);
  }

  #deploymentChanged({ type, key, object }: Change<Deployment>): void {
    const nowMs = this.#cluster.environment.elapsedMs;
    const limits = this.#limits.get(key) ?? [];
    const value = desiredReplicas(object) + maxSurge(object);
    const current = limits.find(({ untilMs }) => untilMs === undefined);
    if (type !== 'deleted' && current?.value === value) return;
    if (current !== undefined) current.untilMs = nowMs;
    if (type !== 'deleted') limits.push({ value, untilMs: undefined });
    this.#limits.set(key, limits);
  }

  #podChanged(pod: Pod): void {
    const key = this.#deploymentOf(pod);
    if (key === undefined) return;
    const nowMs = this.#cluster.environment.elapsedMs;
    const limits = (this.#limits.get(key) ?? []).filter(
      ({ untilMs }) => untilMs === undefined || nowMs - untilMs < LIMIT_MEMORY_MS,
    );
    this.#limits.set(key, limits);
    const most = Math.max(0, ...limits.map(({ value }) => value));
    const active = this.#count(key, () => true);
    if (limits.length > 0 && active > most)
      this.#violated(`${key} has ${active} Pods, at most ${most} are allowed`);
    const floor = this.#floors.get(key);
    const ready = this.#count(key, isPodReady);
    if (floor !== undefined && ready < floor)
      this.#violated(`${key} has ${ready} ready Pods, at least ${floor} are promised`);
  }

  #count(key: string, condition: (pod: Pod) => boolean): number {
    return this.#pods
      .list()
      .filter((pod) => isPodActive(pod) && condition(pod) && this.#deploymentOf(pod) === key)
      .length;
  }

  #deploymentOf(pod: Pod): string | undefined {
    const namespace = pod.metadata?.namespace;
    const set = this.#sets.get(keyFor(controllerOf(pod)?.name ?? '', namespace));
    const name = set === undefined ? undefined : controllerOf(set)?.name;
    return name === undefined ? undefined : keyFor(name, namespace);
  }

  #violated(text: string): void {
    this.violations.push(`at ${Math.round(this.#cluster.environment.elapsedMs)} ms: ${text}`);
  }
}
