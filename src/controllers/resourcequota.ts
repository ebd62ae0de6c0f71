/**
 * ResourceQuota: keeps its status true, which says what a namespace uses of what it may use.
 *
 *   quota's limits changed ──────────────┐
 *   something ended or went ─▶ who counts ┴─▶ quota ─▶ count all anew ─▶ status
 *
 * What is created or grows is charged at admission, before it is stored. What a quota asks for is in
 * `api/quota/`.
 *
 * Upstream: pkg/controller/resourcequota/resource_quota_controller.go, v1.36.
 */
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Pod, ResourceQuota } from '#api/gen/core-v1.ts';
import type { DeviceClass, ResourceClaim } from '#api/gen/resource-v1.ts';
import { groupResourceName, type KubeObject } from '#api/meta/object.ts';
import type { Evaluator, QuotaWorld } from '#api/quota/evaluator.ts';
import { countedResource, MEASURING_EVALUATORS } from '#api/quota/evaluators.ts';
import { type Measured, quotaStatus, sameAmounts, sameQuotaStatus } from '#api/quota/status.ts';
import type { ResourceType } from '#client/client.ts';
import { type Change, type Informer, keyFor, keyOf } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { asError } from '#reconcile/slow-start.ts';
import { CountedResources } from './resourcequota/counted-resources.ts';
import { DEVICE_CLASS, RESOURCE_CLAIM } from './shared/device-types.ts';

const RESYNC_MS_DEFAULT = 5 * 60_000;
/** How often what is served is looked at again. */
const DISCOVER_MS = 30_000;
const DISCOVER = 'discover';

export interface ResourceQuotaOptions {
  /** How often all is counted anew; five minutes unless given, 0 for never. */
  readonly resyncMs?: number;
}

export function resourceQuotaController(options: ResourceQuotaOptions = {}): Controller {
  return defineKeyController({
    name: 'resourcequota-controller',
    queue: 'resourcequota_primary',
    create: (setup) => new Quotas(setup, options).reconcile,
  });
}

class Quotas {
  readonly #setup: Setup;
  readonly #resyncMs: number;
  readonly #quotas: Informer<ResourceQuota>;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<ResourceClaim>;
  readonly #classes: Informer<DeviceClass>;
  /** The objects that are looked into, by the name of their resource. */
  readonly #measured: ReadonlyMap<string, Informer<KubeObject>>;
  readonly #counted: CountedResources;

  constructor(setup: Setup, options: ResourceQuotaOptions) {
    this.#setup = setup;
    this.#resyncMs = options.resyncMs ?? RESYNC_MS_DEFAULT;
    this.#quotas = setup.watch(RESOURCE_QUOTA, (change) =>
      hasNewLimits(change) ? [change.key] : [],
    );
    this.#pods = setup.watch(POD);
    this.#claims = setup.watch(RESOURCE_CLAIM);
    this.#classes = setup.watch(DEVICE_CLASS);
    const types = [POD, SERVICE, PERSISTENT_VOLUME_CLAIM, RESOURCE_CLAIM];
    this.#measured = new Map(
      types.map((type: ResourceType<KubeObject>) => {
        const name = groupResourceName({ group: type.group, resource: type.plural });
        const evaluator = MEASURING_EVALUATORS.find((each) => nameOf(each) === name);
        const wakes = (change: Change<KubeObject>): string[] =>
          evaluator === undefined ? [] : this.#affected(evaluator, change);
        return [name, setup.watch(type, wakes)];
      }),
    );
    this.#counted = new CountedResources(setup, (evaluator, change) => {
      for (const key of this.#affected(evaluator, change)) setup.enqueue(key);
    });
  }

  readonly reconcile = async (key: string, pass: Pass): Promise<Result> => {
    if (key === DISCOVER) return this.#refresh();
    const quota = this.#quotas.get(key);
    if (quota === undefined) return {};
    const { measured, unserved, failures } = await this.#measure(quota);
    const world = this.#world();
    const status = quotaStatus(quota, measured, world);
    if (quota.status?.hard === undefined || !sameQuotaStatus(status, quota.status))
      await pass.client.update(RESOURCE_QUOTA, { ...quota, status }, 'status');
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    const resyncMs = this.#resyncMs > 0 ? this.#resyncMs : Number.POSITIVE_INFINITY;
    const afterMs = unserved ? Math.min(DISCOVER_MS, resyncMs) : resyncMs;
    return Number.isFinite(afterMs) ? { requeueAfterMs: afterMs } : {};
  };

  async #refresh(): Promise<Result> {
    const names = this.#quotas.list().flatMap(namesCounted);
    const isLost = await this.#counted.refresh(new Set(names.map(groupResourceName)));
    if (isLost) for (const quota of this.#quotas.list()) this.#setup.enqueue(keyOf(quota));
    return this.#counted.size === 0 ? {} : { requeueAfterMs: DISCOVER_MS };
  }

  async #measure(
    quota: ResourceQuota,
  ): Promise<{ measured: Measured[]; unserved: boolean; failures: Error[] }> {
    const namespace = quota.metadata?.namespace ?? '';
    const measured: Measured[] = MEASURING_EVALUATORS.map((evaluator) => ({
      evaluator,
      objects: this.#measured.get(nameOf(evaluator))?.list(namespace) ?? [],
    }));
    const failures: Error[] = [];
    let unserved = false;
    const before = this.#counted.size;
    const resources = new Map(namesCounted(quota).map((each) => [groupResourceName(each), each]));
    for (const resource of resources.values()) {
      try {
        const found = await this.#counted.measure(resource, namespace);
        if (found === undefined) unserved = true;
        else measured.push(found);
      } catch (error) {
        // The rest is told all the same.
        failures.push(asError(error));
      }
    }
    if (before === 0 && this.#counted.size > 0) this.#setup.enqueue(DISCOVER, DISCOVER_MS);
    return { measured, unserved, failures };
  }

  #world(): QuotaWorld {
    return {
      nowMs: this.#setup.environment.clock.now(),
      deviceClasses: () => this.#classes.list(),
      pod: (name, namespace) => this.#pods.get(keyFor(name, namespace)),
      claims: (namespace) => this.#claims.list(namespace),
    };
  }

  /** The quotas to count anew after a change of something that `evaluator` knows. */
  #affected(evaluator: Evaluator, change: Change<KubeObject>): string[] {
    const quotas = this.#quotas.list(change.object.metadata?.namespace);
    if (quotas.length === 0) return [];
    const world = this.#world();
    if (!mayHaveFreed(evaluator, change, world)) return [];
    return quotas
      .filter(({ spec }) =>
        Object.keys(spec?.hard ?? {}).some((name) => evaluator.covers(name, world)),
      )
      .map(keyOf);
  }
}

function mayHaveFreed(
  evaluator: Evaluator,
  { type, object, previous }: Change<KubeObject>,
  world: QuotaWorld,
): boolean {
  if (type === 'deleted') return true;
  if (previous === undefined) return false;
  if (previous.metadata?.uid !== object.metadata?.uid) return true;
  return evaluator.isFreedBy(object, previous, world.nowMs);
}

function hasNewLimits({ type, object, previous }: Change<ResourceQuota>): boolean {
  return type !== 'modified' || !sameAmounts(object.spec?.hard, previous?.spec?.hard);
}

/** What the quota only counts. */
function namesCounted({ spec }: ResourceQuota): { group: string; resource: string }[] {
  return Object.keys(spec?.hard ?? {}).flatMap((name) => {
    const resource = countedResource(name);
    if (resource === undefined) return [];
    const isMeasured = MEASURING_EVALUATORS.some(
      (evaluator) => nameOf(evaluator) === groupResourceName(resource),
    );
    return isMeasured ? [] : [{ ...resource }];
  });
}

function nameOf({ resource }: Evaluator): string {
  return groupResourceName(resource);
}
