/**
 * What is counted of volumes that are attached, and of those that were taken by force.
 *
 * Upstream: pkg/controller/volume/attachdetach/metrics/metrics.go, v1.36. Fibre Channel and iSCSI,
 * for which nothing is done here, are not counted.
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { csiVolumeOf } from '#api/storage/attachment-names.ts';
import {
  alpha,
  type Counter,
  countsBy,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';
import { storageOperations } from '../shared/storage-metrics.ts';
import type { Actual } from './actual.ts';
import type { Desired } from './desired.ts';
import { claimedVolumes } from './pod-volumes.ts';

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

const MS_PER_SECOND = 1000;
const CSI = 'kubernetes.io/csi';

/** Why a node is not asked. */
export type ForceReason = 'timeout' | 'out-of-service';

/** What has ended, well or not. */
export interface Ended {
  readonly operation: 'volume_attach' | 'volume_detach' | 'verify_volumes_are_attached_per_node';
  /** Empty: it is not known which of the CSI drivers; undefined: no driver is asked. */
  readonly driver: string | undefined;
  readonly ms: number;
  readonly isDone: boolean;
}

export interface AttachWorld {
  readonly desired: Desired;
  readonly actual: Actual;
  readonly pods: () => readonly Pod[];
  readonly claim: (key: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
}

export class AttachMetrics {
  readonly #forced: Counter;
  readonly #seconds: Histogram;

  constructor(registry: MetricRegistry, world: AttachWorld) {
    this.#forced = registry.counter(FORCED);
    this.#seconds = storageOperations(registry);
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

  ended({ operation, driver, ms, isDone }: Ended): void {
    const plugin = driver === undefined ? '<n/a>' : driver === '' ? CSI : pluginOf(driver);
    const status = isDone ? 'success' : 'fail-unknown';
    this.#seconds.observe([plugin, operation, status, 'false'], ms / MS_PER_SECOND);
  }
}

function pluginOf(driver: string): string {
  return `${CSI}:${driver}`;
}

/** The driver of each volume of a Pod that has a node, attached or not. */
function driversOf(pod: Pod, world: AttachWorld): string[] {
  if ((pod.spec?.nodeName ?? '') === '') return [];
  const inline = (pod.spec?.volumes ?? []).flatMap(({ csi }) => csi?.driver ?? []);
  const claimed = claimedVolumes(pod, world).flatMap(({ spec }) => spec?.csi?.driver ?? []);
  return [...inline, ...claimed];
}

/** The driver of each volume on each node. */
function placed(actual: Actual): string[] {
  return [...actual.volumes].flatMap((volume) => {
    const driver = csiVolumeOf(volume)?.driver;
    return driver === undefined ? [] : actual.nodesOf(volume).map(() => driver);
  });
}
