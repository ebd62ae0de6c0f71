/**
 * Writes what the plans say, each object's spec before its status, and notes the answers, so that
 * the next pass sees them even when the caches do not yet.
 */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
  PersistentVolumeStatus,
} from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Newest } from './newest.ts';
import type { Told } from './plan-claim.ts';
import { boundClaim, boundVolume, claimStatus, unboundVolume } from './states.ts';

export class Writer {
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #claims: Newest<PersistentVolumeClaim>;
  readonly #volumes: Newest<PersistentVolume>;

  constructor(options: {
    readonly client: Client;
    readonly events: EventRecorder;
    readonly claims: Newest<PersistentVolumeClaim>;
    readonly volumes: Newest<PersistentVolume>;
  }) {
    this.#client = options.client;
    this.#events = options.events;
    this.#claims = options.claims;
    this.#volumes = options.volumes;
  }

  tell(about: KubeObject, { type, reason, message }: Told): void {
    this.#events.event({ about, type, reason, message });
  }

  async claim(next: PersistentVolumeClaim, subresource?: 'status'): Promise<PersistentVolumeClaim> {
    return this.#claims.wrote(
      await this.#client.update(PERSISTENT_VOLUME_CLAIM, next, subresource),
    );
  }

  async volume(next: PersistentVolume, subresource?: 'status'): Promise<PersistentVolume> {
    return this.#volumes.wrote(await this.#client.update(PERSISTENT_VOLUME, next, subresource));
  }

  /** Both become Bound, the volume first. */
  async bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const kept = boundVolume(volume, claim);
    const bound = await this.volumePhase(kept ? await this.volume(kept) : volume, 'Bound');
    const next = boundClaim(claim, volume.metadata?.name ?? '');
    await this.claimPhase(next ? await this.claim(next) : claim, 'Bound', bound);
  }

  /** Lets go of the volume's claim; the volume is free, or kept for a claim by its user. */
  async unbind(volume: PersistentVolume): Promise<void> {
    await this.volumePhase(await this.volume(unboundVolume(volume)), 'Available');
  }

  async claimPhase(
    claim: PersistentVolumeClaim,
    phase: NonNullable<PersistentVolumeClaimStatus['phase']>,
    volume?: PersistentVolume,
  ): Promise<void> {
    const status = claimStatus(claim, phase, volume);
    if (status !== undefined) await this.claim({ ...claim, status }, 'status');
  }

  /** Told once, when the phase changes. */
  async volumePhase(
    volume: PersistentVolume,
    phase: NonNullable<PersistentVolumeStatus['phase']>,
    tell?: Told,
  ): Promise<PersistentVolume> {
    if (volume.status?.phase === phase) return volume;
    const { message: _old, ...status } = volume.status ?? {};
    const message = tell === undefined ? {} : { message: tell.message };
    const next = { ...volume, status: { ...status, phase, ...message } };
    const written = await this.volume(next, 'status');
    if (tell !== undefined) this.tell(written, tell);
    return written;
  }
}
