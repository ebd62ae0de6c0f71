/**
 * What is counted of volumes and claims.
 *
 * Upstream: pkg/controller/volume/persistentvolume/metrics/metrics.go, v1.36; how long things take is
 * in `operation-times.ts`.
 */
import { storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { alpha, type Counter, countsBy, type MetricRegistry } from '#base/metrics.ts';
import { NO_PLUGIN, pluginOf } from './plugins.ts';

const VOLUMES = alpha('pv_collector_total_pv_count', 'Volumes.', 'plugin_name', 'volume_mode');
const BOUND_VOLUMES = alpha('pv_collector_bound_pv_count', 'Bound volumes.', 'storage_class');
const UNBOUND_VOLUMES = alpha(
  'pv_collector_unbound_pv_count',
  'Volumes that are not bound.',
  'storage_class',
);
const OF_CLAIMS = ['namespace', 'storage_class', 'volume_attributes_class'];
const BOUND_CLAIMS = alpha('pv_collector_bound_pvc_count', 'Bound claims.', ...OF_CLAIMS);
const UNBOUND_CLAIMS = alpha(
  'pv_collector_unbound_pvc_count',
  'Claims that are not bound.',
  ...OF_CLAIMS,
);
const CLASSES = alpha(
  'retroactive_storageclass_total',
  'Times that a claim was to get the default class.',
);
const CLASS_FAILURES = alpha(
  'retroactive_storageclass_errors_total',
  'Times that a claim could not get the default class.',
);

export interface Listed {
  readonly volumes: () => readonly PersistentVolume[];
  readonly claims: () => readonly PersistentVolumeClaim[];
}

export class VolumeMetrics {
  readonly #classes: Counter;
  readonly #failures: Counter;

  /** Of all volumes and claims that there are. */
  constructor(registry: MetricRegistry, { volumes, claims }: Listed) {
    this.#classes = registry.counter(CLASSES);
    this.#failures = registry.counter(CLASS_FAILURES);
    registry.observed(VOLUMES, () =>
      countsBy(volumes(), (volume) => [
        pluginOf(volume) ?? NO_PLUGIN,
        volume.spec?.volumeMode ?? 'Filesystem',
      ]),
    );
    const classOf = ({ spec }: PersistentVolume): string[] => [spec?.storageClassName ?? ''];
    registry.observed(BOUND_VOLUMES, () => countsBy(volumes().filter(isBound), classOf));
    registry.observed(UNBOUND_VOLUMES, () => countsBy(volumes().filter(isUnbound), classOf));
    registry.observed(BOUND_CLAIMS, () => countsBy(claims().filter(isBound), labelsOfClaim));
    registry.observed(UNBOUND_CLAIMS, () => countsBy(claims().filter(isUnbound), labelsOfClaim));
  }

  /** Counts that a claim gets the default class, and how it goes. */
  async defaultClass(write: Promise<unknown>): Promise<void> {
    this.#classes.add([]);
    try {
      await write;
    } catch (error) {
      this.#failures.add([]);
      throw error;
    }
  }
}

function labelsOfClaim(claim: PersistentVolumeClaim): string[] {
  const { metadata, spec } = claim;
  return [metadata?.namespace ?? '', storageClassOf(claim), spec?.volumeAttributesClassName ?? ''];
}

interface WithPhase {
  readonly status?: { readonly phase?: string };
}

const isBound = ({ status }: WithPhase): boolean => status?.phase === 'Bound';
const isUnbound = (object: WithPhase): boolean => !isBound(object);
