/**
 * What should be attached: which Pods want which volumes on which nodes. A Pod's wish stays until
 * the Pod ends, even when its claim is lost meanwhile.
 *
 * Upstream: pkg/controller/volume/attachdetach/cache/desired_state_of_world.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { keyOf } from '#client/informer.ts';
import type { AttachableVolume } from './pod-volumes.ts';

interface Wish {
  readonly pod: Pod;
  readonly volumes: Map<string, AttachableVolume>;
}

export interface Wanted {
  readonly volume: AttachableVolume;
  /** By node. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
}

export class Desired {
  /** By the Pod's key; as many as there are Pods with such volumes. */
  readonly #wishes = new Map<string, Wish>();
  /** The keys of the Pods that want a volume. */
  readonly #wanting = new Map<string, Set<string>>();

  /** The Pod, on a node, wants these too. Answers the volumes whose wishes have changed. */
  put(pod: Pod, volumes: readonly AttachableVolume[]): string[] {
    const key = keyOf(pod);
    const known = this.#wishes.get(key);
    const isSame = known?.pod.metadata?.uid === pod.metadata?.uid;
    const changed = isSame ? [] : this.remove(key);
    const kept = isSame ? known?.volumes : undefined;
    if (volumes.length === 0 && kept === undefined) return changed;
    const all = kept ?? new Map<string, AttachableVolume>();
    this.#wishes.set(key, { pod, volumes: all });
    for (const volume of volumes) {
      if (!all.has(volume.uniqueName)) changed.push(volume.uniqueName);
      all.set(volume.uniqueName, volume);
      const wanting = this.#wanting.get(volume.uniqueName) ?? new Set();
      this.#wanting.set(volume.uniqueName, wanting.add(key));
    }
    return changed;
  }

  /** The Pod wants nothing any more. Answers the volumes that it wanted. */
  remove(podKey: string): string[] {
    const wish = this.#wishes.get(podKey);
    this.#wishes.delete(podKey);
    const names = [...(wish?.volumes.keys() ?? [])];
    for (const name of names) this.#drop(name, podKey);
    return names;
  }

  /** Volumes of a driver need not be attached any more. Answers those that were wanted. */
  removeDriver(driver: string): string[] {
    const names = new Set<string>();
    for (const [key, { volumes }] of this.#wishes) {
      for (const volume of volumes.values()) {
        if (volume.driver !== driver) continue;
        volumes.delete(volume.uniqueName);
        this.#drop(volume.uniqueName, key);
        names.add(volume.uniqueName);
      }
    }
    return [...names];
  }

  of(uniqueName: string): Wanted | undefined {
    const keys = this.#wanting.get(uniqueName);
    const pods = new Map<string, Pod[]>();
    let volume: AttachableVolume | undefined;
    for (const key of keys ?? []) {
      const wish = this.#wishes.get(key);
      const node = wish?.pod.spec?.nodeName ?? '';
      if (wish === undefined) continue;
      volume ??= wish.volumes.get(uniqueName);
      pods.set(node, [...(pods.get(node) ?? []), wish.pod]);
    }
    return volume && { volume, pods };
  }

  isWantedOn(uniqueName: string, node: string): boolean {
    for (const key of this.#wanting.get(uniqueName) ?? [])
      if (this.#wishes.get(key)?.pod.spec?.nodeName === node) return true;
    return false;
  }

  /** The driver of each volume on each node. */
  placed(): string[] {
    return [...this.#wanting.keys()].flatMap((name) => {
      const wanted = this.of(name);
      return wanted === undefined ? [] : [...wanted.pods.keys()].map(() => wanted.volume.driver);
    });
  }

  #drop(name: string, podKey: string): void {
    const wanting = this.#wanting.get(name);
    wanting?.delete(podKey);
    if (wanting?.size === 0) this.#wanting.delete(name);
  }
}
