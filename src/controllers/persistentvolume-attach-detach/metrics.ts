/**
 * What is counted of volumes that are attached, and of those that were taken by force.
 *
 * Upstream: pkg/controller/volume/attachdetach/metrics/metrics.go, v1.36. Fibre Channel and iSCSI,
 * for which nothing is done here, are not counted.
 */
import { claimsOf } from '#api/core/pod-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { csiVolumeOf } from '#api/storage/attachment-names.ts';
import { alpha, type Counter, countsBy, type MetricRegistry } from '#base/metrics.ts';
import type { Actual } from './actual.ts';
import type { Desired } from './desired.ts';

const IN_USE = alpha(
  'storage_count_attachable_volumes_in_use',
  'Volumes that Pods of a node name.',
  'node',
  'volume_plugin',
);
const TOTAL = alpha(
  'attachdetach_controller_total_volumes',
  'Volumes on nodes, as they should be and as they are.',
  'plugin_name',
  'state',
);
const FORCED = alpha(
  'attach_detach_controller_attachdetach_controller_forced_detaches',
  'Volumes taken from nodes that had not let them go.',
  'reason',
);

/** Why a node is not asked. */
export type ForceReason = 'timeout' | 'out-of-service';

export interface AttachWorld {
  readonly desired: Desired;
  readonly actual: Actual;
  readonly pods: () => readonly Pod[];
  readonly claim: (key: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
}

export class AttachMetrics {
  readonly #forced: Counter;

  constructor(registry: MetricRegistry, world: AttachWorld) {
    this.#forced = registry.counter(FORCED);
    registry.observed(IN_USE, () =>
      countsBy(
        world.pods().flatMap((pod) => driversOf(pod, world).map((driver) => ({ pod, driver }))),
        ({ pod, driver }) => [pod.spec?.nodeName ?? '', pluginOf(driver)],
      ),
    );
    registry.observed(TOTAL, () => [
      ...countsBy(world.desired.placed(), (driver) => [pluginOf(driver), 'desired_state_of_world']),
      ...countsBy(placed(world.actual), (driver) => [pluginOf(driver), 'actual_state_of_world']),
    ]);
  }

  detachForced(reason: ForceReason): void {
    this.#forced.add([reason]);
  }
}

function pluginOf(driver: string): string {
  return `kubernetes.io/csi:${driver}`;
}

/** The driver of each volume of a Pod that has a node. */
function driversOf(pod: Pod, { claim, volume }: AttachWorld): string[] {
  if ((pod.spec?.nodeName ?? '') === '') return [];
  const inline = (pod.spec?.volumes ?? []).flatMap(({ csi }) => csi?.driver ?? []);
  const claimed = claimsOf(pod).flatMap(
    ({ key }) => volume(claim(key)?.spec?.volumeName ?? '')?.spec?.csi?.driver ?? [],
  );
  return [...inline, ...claimed];
}

/** The driver of each volume on each node. */
function placed(actual: Actual): string[] {
  return [...actual.volumes].flatMap((volume) => {
    const driver = csiVolumeOf(volume)?.driver;
    return driver === undefined ? [] : actual.nodesOf(volume).map(() => driver);
  });
}
