/**
 * Watches a simulated cluster and says when a promise is broken: at once, with the time, so that a
 * seed is a bug report.
 *
 * It reads the store itself: there all kinds have one order, nothing is late, and a restart of the
 * API server is not seen.
 */
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf, type KubeObject } from '#api/meta/object.ts';
import { keyOf } from '#client/informer.ts';
import { desiredReplicas, maxSurge, maxUnavailable } from '#controllers/deployment/limits.ts';
import type { TestCluster } from '#kit/cluster.ts';
import type { StoreEvent } from '#store/store.ts';

/** So long a controller may still follow a specification that has been replaced. */
const LIMIT_MEMORY_MS = 60_000;
const ROOT = '/registry/';

interface Limit {
  readonly value: number;
  /** When it stopped to be the specification; undefined: it still is. */
  untilMs: number | undefined;
}

export class Watchdog {
  readonly violations: string[] = [];
  readonly #cluster: TestCluster;
  readonly #pods = new Map<string, Pod>();
  readonly #sets = new Map<string, ReplicaSet>();
  readonly #deployments = new Map<string, Deployment>();
  readonly #limits = new Map<string, Limit[]>();
  /** Deployments that must not fall below their minimum now, and that minimum. */
  readonly #floors = new Map<string, number>();
  readonly #trace: ((text: string) => void) | undefined;
  #revision = 0;

  constructor(cluster: TestCluster, trace?: (text: string) => void) {
    this.#cluster = cluster;
    this.#trace = trace;
  }

  async start(): Promise<void> {
    this.#revision = await this.#cluster.store.revision();
    await this.#cluster.store.watch(ROOT, this.#revision, {
      onEvents: (events, revision) => {
        for (const event of events) this.#seen(event);
        if (revision < this.#revision)
          this.#violated(`the store went back from ${this.#revision} to ${revision}`);
        this.#revision = revision;
      },
      onEnd: (error) => this.#violated(`the store's watch ended: ${error.message}`),
    });
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

  #seen({ type, key, value }: StoreEvent): void {
    const [, , resource = ''] = key.split('/');
    const table = this.#tableOf(resource);
    if (table === undefined) return;
    const object = JSON.parse(Buffer.from(value).toString('utf8')) as KubeObject;
    const name = keyOf(object);
    const previous = this.#pods.get(name);
    if (type === 'delete') table.delete(name);
    else table.set(name, object);
    this.#trace?.(
      `${type} ${resource} ${name} ${JSON.stringify({ ...object, metadata: undefined })}`,
    );
    if (resource === 'deployments') this.#deploymentChanged(name);
    if (resource === 'pods') this.#podChanged(this.#pods.get(name) ?? previous);
  }

  #tableOf(resource: string): Map<string, KubeObject> | undefined {
    // Each table is filled with the objects of its own resource only.
    const tables: Record<string, Map<string, KubeObject>> = {
      pods: this.#pods,
      replicasets: this.#sets,
      deployments: this.#deployments as Map<string, KubeObject>,
    };
    return tables[resource];
  }

  #deploymentChanged(key: string): void {
    const nowMs = this.#cluster.environment.elapsedMs;
    const object = this.#deployments.get(key);
    const limits = this.#limits.get(key) ?? [];
    // Nothing is promised of a Deployment that is gone: controllers may hear of it late.
    if (object === undefined) {
      this.#limits.delete(key);
      this.#floors.delete(key);
      return;
    }
    const value = desiredReplicas(object) + maxSurge(object);
    const current = limits.find(({ untilMs }) => untilMs === undefined);
    if (current?.value === value) return;
    if (current !== undefined) current.untilMs = nowMs;
    limits.push({ value, untilMs: undefined });
    this.#limits.set(key, limits);
  }

  #podChanged(pod: Pod | undefined): void {
    const key = pod === undefined ? undefined : this.#deploymentOf(pod);
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
    if (floor !== undefined && ready < floor) {
      this.#violated(`${key} has ${ready} ready Pods, at least ${floor} are promised`);
    }
  }

  #count(key: string, condition: (pod: Pod) => boolean): number {
    return [...this.#pods.values()].filter(
      (pod) => isPodActive(pod) && condition(pod) && this.#deploymentOf(pod) === key,
    ).length;
  }

  #deploymentOf(pod: Pod): string | undefined {
    const namespace = pod.metadata?.namespace ?? '';
    const set = this.#sets.get(`${namespace}/${controllerOf(pod)?.name ?? ''}`);
    const name = set === undefined ? undefined : controllerOf(set)?.name;
    return name === undefined ? undefined : `${namespace}/${name}`;
  }

  #violated(text: string): void {
    this.violations.push(`at ${Math.round(this.#cluster.environment.elapsedMs)} ms: ${text}`);
  }
}
