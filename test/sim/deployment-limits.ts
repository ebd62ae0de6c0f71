/** How many Pods a Deployment may have, and has to have, at each moment of a simulated world. */
import { isPodActive, isPodReady, isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { keyOf } from '#client/informer.ts';
import { desiredReplicas, maxSurge, maxUnavailable } from '#controllers/deployment/limits.ts';
import type { Stage, StoreChange } from './stage.ts';

/** So long a controller may still follow a specification that has been replaced. */
const LIMIT_MEMORY_MS = 60_000;
const TEMPLATE_HASH = 'pod-template-hash';

interface Limit {
  readonly value: number;
  /** When it stopped to be the specification; undefined: it still is. */
  untilMs: number | undefined;
}

export class DeploymentLimits {
  readonly #stage: Pick<Stage, 'cluster' | 'violated'>;
  readonly #pods = new Map<string, Pod>();
  /** When each Pod that is ready became so, in the world's time, whatever its clock says. */
  readonly #readySinceMs = new Map<string, number>();
  readonly #sets = new Map<string, ReplicaSet>();
  readonly #limits = new Map<string, Limit[]>();
  /** Deployments that must not fall below their minimum now, and that minimum. */
  readonly #floors = new Map<string, number>();

  readonly #recreated = new Set<string>();

  constructor(stage: Pick<Stage, 'cluster' | 'violated'>) {
    this.#stage = stage;
  }

  /**
   * From now on this Deployment must keep its minimum of ready Pods. Only if so many are available:
   * one that has been ready for less than `minReadySeconds` may be taken away first.
   */
  guard(deployment: Deployment): void {
    const floor = desiredReplicas(deployment) - maxUnavailable(deployment);
    const key = keyOf(deployment);
    // The times in conditions have no fractions.
    const minReadyMs = ((deployment.spec?.minReadySeconds ?? 0) + 1) * 1_000;
    const beforeMs = this.#stage.cluster.environment.elapsedMs - minReadyMs;
    const isAvailable = (pod: Pod): boolean =>
      isPodReady(pod) && (this.#readySinceMs.get(keyOf(pod)) ?? beforeMs) <= beforeMs;
    if (this.#count(key, isAvailable) >= desiredReplicas(deployment)) this.#floors.set(key, floor);
  }

  /** Something happens that may cost Pods: no promise holds. */
  release(key?: string): void {
    if (key === undefined) this.#floors.clear();
    else this.#floors.delete(key);
  }

  saw({ resource, type, key, object }: StoreChange): void {
    const isGone = type === 'delete';
    if (resource === 'deployments') this.#deploymentChanged(key, isGone ? undefined : object);
    if (resource === 'replicasets') {
      if (isGone) this.#sets.delete(key);
      else this.#sets.set(key, object);
    }
    if (resource === 'pods') {
      if (isGone) this.#pods.delete(key);
      else this.#pods.set(key, object);
      if (isGone || !isPodReady(object)) this.#readySinceMs.delete(key);
      else if (!this.#readySinceMs.has(key))
        this.#readySinceMs.set(key, this.#stage.cluster.environment.elapsedMs);
      this.#podChanged(object);
    }
  }

  #deploymentChanged(key: string, object: Deployment | undefined): void {
    const nowMs = this.#stage.cluster.environment.elapsedMs;
    const limits = this.#limits.get(key) ?? [];
    // Nothing is promised of a Deployment that is gone: controllers may hear of it late.
    if (object === undefined) {
      this.#limits.delete(key);
      this.#floors.delete(key);
      return;
    }
    if (object.spec?.strategy?.type === 'Recreate') this.#recreated.add(key);
    const value = desiredReplicas(object) + maxSurge(object);
    const current = limits.find(({ untilMs }) => untilMs === undefined);
    if (current?.value === value) return;
    if (current !== undefined) current.untilMs = nowMs;
    limits.push({ value, untilMs: undefined });
    this.#limits.set(key, limits);
  }

  #podChanged(pod: Pod): void {
    const key = this.#deploymentOf(pod);
    if (key === undefined) return;
    this.#checkRecreate(key);
    const nowMs = this.#stage.cluster.environment.elapsedMs;
    const limits = (this.#limits.get(key) ?? []).filter(
      ({ untilMs }) => untilMs === undefined || nowMs - untilMs < LIMIT_MEMORY_MS,
    );
    this.#limits.set(key, limits);
    const most = Math.max(0, ...limits.map(({ value }) => value));
    const active = this.#count(key, () => true);
    if (limits.length > 0 && active > most)
      this.#stage.violated(`${key} has ${active} Pods, at most ${most} are allowed`);
    const floor = this.#floors.get(key);
    const ready = this.#count(key, isPodReady);
    if (floor !== undefined && ready < floor)
      this.#stage.violated(`${key} has ${ready} ready Pods, at least ${floor} are promised`);
  }

  /** With Recreate all Pods of the old template end before one of the new comes. */
  #checkRecreate(key: string): void {
    if (!this.#recreated.has(key)) return;
    const left = [...this.#pods.values()].filter(
      (pod) => this.#deploymentOf(pod) === key && !isPodTerminal(pod),
    );
    const templates = new Set(left.map((pod) => pod.metadata?.labels?.[TEMPLATE_HASH]));
    if (templates.size > 1) this.#stage.violated(`${key} has Pods of ${[...templates].join()}`);
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
}
