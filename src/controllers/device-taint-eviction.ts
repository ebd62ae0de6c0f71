/**
 * Device taint eviction: deletes Pods that use devices with NoExecute taints which their claims do
 * not tolerate, or no longer tolerate when their `tolerationSeconds` are over.
 *
 * Upstream: pkg/controller/devicetainteviction/device_taint_eviction.go, v1.36; KEP-5055. Taints of
 * DeviceTaintRules are behind a gate that is off.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type Change, type Informer, keyFor, keyOf, splitKey } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { type DeviceWorld, evictionTimeMs } from './device-taint-eviction/plan.ts';
import { claimNameOf } from './shared/pod-claims.ts';
import { RESOURCE_CLAIM, RESOURCE_SLICE } from './shared/device-types.ts';
import { EvictionMetrics } from './shared/eviction-metrics.ts';

const BY_POOL = 'device-pool';

export const deviceTaintEvictionController: Controller = defineKeyController({
  name: 'device-taint-eviction-controller',
  queue: 'device-taint-eviction-controller',
  create: (setup) => new DeviceTaints(setup).reconcile,
});

class DeviceTaints {
  readonly #setup: Setup;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<ResourceClaim>;
  readonly #slices: Informer<ResourceSlice>;
  /** Pods whose eviction is due later. */
  readonly #pending = new Set<string>();
  readonly #metrics: EvictionMetrics;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#metrics = new EvictionMetrics(setup.metrics, 'device_taint_eviction_controller');
    this.#pods = setup.watch(POD, ({ key, object }) =>
      (object.spec?.resourceClaims ?? []).length === 0 ? [] : [key],
    );
    this.#claims = setup.watch(RESOURCE_CLAIM, ({ object, previous }) =>
      [object, previous].flatMap((claim) => (claim === undefined ? [] : consumersOf(claim))),
    );
    this.#claims.index(BY_POOL, poolsOf);
    this.#slices = setup.watch(RESOURCE_SLICE, ({ object, previous }: Change<ResourceSlice>) =>
      [object, previous].flatMap((slice) =>
        slice === undefined
          ? []
          : this.#claims.byIndex(BY_POOL, poolOf(slice)).flatMap(consumersOf),
      ),
    );
    this.#slices.index(BY_POOL, (slice) => [poolOf(slice)]);
  }

  readonly reconcile = async (key: string, pass: Pass): Promise<Result> => {
    const pod = this.#pods.get(key);
    const isOver =
      pod === undefined || pod.metadata?.deletionTimestamp !== undefined || isPodTerminal(pod);
    const atMs = isOver ? undefined : evictionTimeMs(pod, this.#world);
    if (pod === undefined || atMs === undefined) {
      if (this.#pending.delete(key) && pod !== undefined && !isOver)
        this.#tell(pod, 'Cancelling deletion');
      return {};
    }
    const waitMs = atMs - this.#setup.environment.clock.now();
    if (waitMs > 0) {
      this.#pending.add(key);
      return { requeueAfterMs: waitMs };
    }
    this.#pending.delete(key);
    if (await this.#evict(pod, pass))
      this.#metrics.podDeleted(this.#setup.environment.clock.now() - atMs);
    return {};
  };

  readonly #world: DeviceWorld = {
    claims: (pod) =>
      (pod.spec?.resourceClaims ?? []).flatMap((each) => {
        const known = claimNameOf(pod, each);
        if (typeof known === 'string') return [];
        const claim = this.#claims.get(keyFor(known.name, pod.metadata?.namespace));
        const isOwn = each.resourceClaimName === undefined;
        if (claim === undefined || (isOwn && controllerOf(claim)?.uid !== pod.metadata?.uid))
          return [];
        return [claim];
      }),
    slices: (driver, pool) => this.#slices.byIndex(BY_POOL, `${driver}/${pool}`),
  };

  /** False: it was gone, or another one has its name. */
  async #evict(pod: Pod, { client }: Pass): Promise<boolean> {
    this.#tell(pod, 'Marking for deletion');
    const { uid = '' } = pod.metadata ?? {};
    const target = splitKey(keyOf(pod));
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByDeviceTaintManager',
      message: 'Device Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: timeText(this.#setup.environment.clock.now()),
    };
    try {
      const patch = { metadata: { uid }, status: { conditions: [condition] } };
      await client.patch(POD, target, 'strategic', patch, { subresource: 'status' });
      await client.delete(POD, target, { preconditions: { uid } });
      return true;
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
      return false;
    }
  }

  #tell(pod: Pod, message: string): void {
    const { uid } = pod.metadata ?? {};
    const reference = {
      apiVersion: 'v1',
      kind: 'Pod',
      ...splitKey(keyOf(pod)),
      ...(uid === undefined ? {} : { uid }),
    };
    const reason = 'DeviceTaintManagerEviction';
    this.#setup.events.event({ about: { reference }, type: 'Normal', reason, message });
  }
}

/** The keys of the Pods that a claim is reserved for. */
function consumersOf({ metadata, status }: ResourceClaim): string[] {
  return (status?.reservedFor ?? []).flatMap(({ apiGroup = '', resource, name }) =>
    apiGroup === '' && resource === 'pods' ? [keyFor(name, metadata?.namespace)] : [],
  );
}

function poolsOf({ status }: ResourceClaim): string[] {
  const results = status?.allocation?.devices?.results ?? [];
  return [...new Set(results.map(({ driver, pool }) => `${driver}/${pool}`))];
}

function poolOf({ spec }: ResourceSlice): string {
  return `${spec?.driver}/${spec?.pool.name}`;
}
