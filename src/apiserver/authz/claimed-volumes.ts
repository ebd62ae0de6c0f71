/** The volumes that name each claim as theirs, kept up to date by the watch cache. */
import type { PersistentVolume } from '#api/gen/core-v1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { PERSISTENT_VOLUMES } from '../admission/targets.ts';

export class ClaimedVolumes {
  readonly #reader: ObjectReader;
  /** Claim (`namespace/name`) → volumes by name. As large as the volumes of the cluster. */
  readonly #byClaim = new Map<string, Map<string, PersistentVolume>>();
  readonly #claimOf = new Map<string, string>();
  #following = false;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  of(namespace: string, claim: string): Iterable<PersistentVolume> {
    this.#begin();
    return this.#byClaim.get(`${namespace}/${claim}`)?.values() ?? [];
  }

  /** At the first question: before, the caches may not be loaded. */
  #begin(): void {
    if (this.#following) return;
    this.#following = true;
    this.#reader.follow(PERSISTENT_VOLUMES, ({ name, object }) => {
      this.#forget(name);
      if (object !== undefined) this.#add(name, object);
    });
    for (const volume of this.#reader.list(PERSISTENT_VOLUMES))
      this.#add(volume.metadata?.name ?? '', volume);
  }

  #add(name: string, volume: PersistentVolume): void {
    const ref = volume.spec?.claimRef;
    if (ref === undefined) return;
    const claim = `${ref.namespace ?? ''}/${ref.name ?? ''}`;
    let volumes = this.#byClaim.get(claim);
    if (volumes === undefined) {
      volumes = new Map();
      this.#byClaim.set(claim, volumes);
    }
    volumes.set(name, volume);
    this.#claimOf.set(name, claim);
  }

  #forget(name: string): void {
    const claim = this.#claimOf.get(name);
    if (claim === undefined) return;
    this.#claimOf.delete(name);
    const volumes = this.#byClaim.get(claim);
    volumes?.delete(name);
    if (volumes?.size === 0) this.#byClaim.delete(claim);
  }
}
