/**
 * The volumes that a pod gets with its node: what is written for that, and when it is done.
 *
 * A free volume is kept for its claim by `claimRef`, a volume that is to be made is asked for by
 * naming the node on the claim; the volume controllers do the rest. Source: upstream v1.36
 * pkg/scheduler/framework/plugins/volumebinding/binder.go (AssumePodVolumes, checkBindings).
 */
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { AssumedObjects } from './assumed-objects.ts';
import type { PreBindWrite, Reservation } from './framework.ts';
import type { SelectableNode } from '#api/core/node-selector.ts';
import {
  BOUND_BY_CONTROLLER,
  isBoundTo,
  isFullyBound,
  SELECTED_NODE,
} from '#api/core/volume-binding.ts';
import { volumeNodes } from './volume-matching.ts';

export interface VolumeReservationOptions {
  readonly bindings: readonly (readonly [PersistentVolumeClaim, PersistentVolume])[];
  readonly provisions: readonly PersistentVolumeClaim[];
  readonly node: SelectableNode;
  readonly objects: AssumedObjects;
}

export class VolumeReservation implements Reservation {
  readonly plugin = 'VolumeBinding';
  readonly writes: readonly PreBindWrite[];
  readonly #options: VolumeReservationOptions;
  readonly #releases: readonly (() => void)[];

  constructor(options: VolumeReservationOptions) {
    this.#options = options;
    const { bindings, provisions, node, objects } = options;
    const kept = bindings.map(([claim, volume]) => keptFor(volume, claim));
    const selected = provisions.map((claim) => selectedFor(claim, node.name));
    this.#releases = [
      ...kept.map((volume) => objects.assumeVolume(volume.metadata?.name ?? '', volume)),
      ...selected.map((claim) => objects.assumeClaim(keyOf(claim), claim)),
    ];
    this.writes = [...kept.map(volumeWrite), ...selected.map(claimWrite)];
  }

  release(): void {
    for (const release of this.#releases) release();
  }

  describe(message: string): string {
    return `binding volumes: ${message}`;
  }

  isReady(written: readonly KubeObject[]): boolean {
    const { bindings, provisions, node, objects } = this.#options;
    const { shown } = objects;
    for (const [index, [claim, volume]] of bindings.entries()) {
      const now = shown.volume(volume.metadata?.name ?? '');
      const bound = shown.claim(keyOf(claim));
      if (now === undefined)
        throw new Error(`failed to check binding: persistentvolumes ${quoted(volume)} not found`);
      if (bound === undefined) throw new Error(`failed to check binding: ${noClaim(claim)}`);
      if (isOlder(now, written[index])) return false;
      checkReach(now, node);
      if (!now.spec?.claimRef?.uid) throw new Error(`ClaimRef got reset for pv ${quoted(now)}`);
      if (!isFullyBound(bound)) return false;
    }
    return provisions.every((claim, index) =>
      this.#isProvisioned(claim, written[bindings.length + index]),
    );
  }

  #isProvisioned(claim: PersistentVolumeClaim, written: KubeObject | undefined): boolean {
    const { node, objects } = this.#options;
    const now = objects.shown.claim(keyOf(claim));
    if (now === undefined) throw new Error(`failed to check provisioning pvc: ${noClaim(claim)}`);
    if (isOlder(now, written)) return false;
    // A provisioner that fails takes the name of the node away, so that another is chosen.
    if (now.metadata?.annotations?.[SELECTED_NODE] !== node.name)
      throw new Error(`provisioning failed for PVC ${quoted(now)}`);
    const volumeName = now.spec?.volumeName ?? '';
    if (volumeName === '') return false;
    const volume = objects.shown.volume(volumeName);
    if (volume === undefined) return false;
    checkReach(volume, node);
    return isFullyBound(now);
  }
}

function checkReach(volume: PersistentVolume, node: SelectableNode): void {
  const matches = volumeNodes(volume);
  if (matches !== undefined && !matches(node))
    throw new Error(
      `pv ${quoted(volume)} node affinity doesn't match node "${node.name}": no matching NodeSelectorTerms`,
    );
}

function noClaim(claim: PersistentVolumeClaim): string {
  return `persistentvolumeclaims ${JSON.stringify(keyOf(claim))} not found`;
}

function quoted({ metadata }: KubeObject): string {
  return JSON.stringify(metadata?.name ?? '');
}

function keyOf({ metadata }: PersistentVolumeClaim): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

/** Whether the informer has not seen the scheduler's own write yet. */
function isOlder({ metadata }: KubeObject, written: KubeObject | undefined): boolean {
  return Number(metadata?.resourceVersion ?? 0) < Number(written?.metadata?.resourceVersion ?? 0);
}

function keptFor(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { name, namespace, uid, resourceVersion } = claim.metadata ?? {};
  const reference = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', name, namespace, uid };
  const claimRef = Object.fromEntries(
    Object.entries({ ...reference, resourceVersion }).filter(([, value]) => value !== undefined),
  );
  const annotations = isBoundTo(volume, claim)
    ? volume.metadata?.annotations
    : { ...volume.metadata?.annotations, [BOUND_BY_CONTROLLER]: 'yes' };
  return {
    ...volume,
    metadata: { ...volume.metadata, ...(annotations === undefined ? {} : { annotations }) },
    spec: { ...volume.spec, claimRef },
  };
}

function selectedFor(claim: PersistentVolumeClaim, node: string): PersistentVolumeClaim {
  const annotations = { ...claim.metadata?.annotations, [SELECTED_NODE]: node };
  return { ...claim, metadata: { ...claim.metadata, annotations } };
}

function volumeWrite({ metadata, spec }: PersistentVolume): PreBindWrite {
  const { annotations, resourceVersion, name = '' } = metadata ?? {};
  const claimRef = spec?.claimRef;
  const patch: PersistentVolume = {
    metadata: versioned(resourceVersion, annotations),
    spec: claimRef === undefined ? {} : { claimRef },
  };
  return { kind: 'PersistentVolume', target: { name }, patch };
}

function claimWrite({ metadata }: PersistentVolumeClaim): PreBindWrite {
  const { annotations, resourceVersion, name = '', namespace = '' } = metadata ?? {};
  const patch = { metadata: versioned(resourceVersion, annotations) };
  return { kind: 'PersistentVolumeClaim', target: { name, namespace }, patch };
}

function versioned(
  resourceVersion: string | undefined,
  annotations: Record<string, string> | undefined,
): NonNullable<KubeObject['metadata']> {
  return {
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
