/**
 * Who mounts which volume with which label, and who is in whose way.
 *
 * Upstream: pkg/controller/volume/selinuxwarning/cache, v1.36.
 */
import { conflicts } from './labels.ts';

/** How a Pod mounts a volume. */
export interface Mount {
  readonly label: string;
  /** `MountOption`, `Recursive` */
  readonly policy: string;
}

/** Told to `pod` about `other`; the other one is told the same the other way round. */
export interface Conflict {
  readonly property: 'SELinuxChangePolicy' | 'SELinuxLabel';
  /** Keys of Pods. */
  readonly pod: string;
  readonly other: string;
  readonly value: string;
  readonly otherValue: string;
}

interface UsedVolume {
  readonly driver: string | undefined;
  /** By the Pod's key. */
  readonly mounts: Map<string, Mount>;
  readonly conflicts: readonly Conflict[];
}

/** Holds what the Pods of the cluster mount, no more. */
export class Mounts {
  readonly #volumes = new Map<string, UsedVolume>();
  /** The volumes of each Pod. */
  readonly #ofPods = new Map<string, Set<string>>();

  /** Answers the conflicts that this makes: none when it was known. */
  set(
    pod: string,
    volume: { readonly name: string; readonly driver: string | undefined },
    mount: Mount,
  ): readonly Conflict[] {
    const { name, driver } = volume;
    const known = this.#volumes.get(name) ?? { driver, mounts: new Map(), conflicts: [] };
    const before = known.mounts.get(pod);
    if (before?.label === mount.label && before.policy === mount.policy) return [];
    known.mounts.set(pod, mount);
    this.#ofPods.set(pod, (this.#ofPods.get(pod) ?? new Set()).add(name));
    const found = [...known.mounts].flatMap(([other, theirs]) =>
      bothWays({ pod, mount }, { pod: other, mount: theirs }),
    );
    const kept = withoutPod(known.conflicts, pod);
    this.#volumes.set(name, { ...known, conflicts: [...kept, ...found] });
    return found;
  }

  /** The Pod mounts nothing any more. */
  delete(pod: string): void {
    for (const name of this.#ofPods.get(pod) ?? []) {
      const volume = this.#volumes.get(name);
      volume?.mounts.delete(pod);
      if (volume === undefined || volume.mounts.size === 0) this.#volumes.delete(name);
      else this.#volumes.set(name, { ...volume, conflicts: withoutPod(volume.conflicts, pod) });
    }
    this.#ofPods.delete(pod);
  }

  /** The Pods that mount volumes of a CSI driver, each once for each of them. */
  podsOf(driver: string): string[] {
    return [...this.#volumes.values()].flatMap((volume) =>
      volume.driver === driver ? [...volume.mounts.keys()] : [],
    );
  }

  /** All that there are now, each once. */
  conflicts(): Iterable<Conflict> {
    const found = new Map<string, Conflict>();
    for (const volume of this.#volumes.values())
      for (const conflict of volume.conflicts) found.set(JSON.stringify(conflict), conflict);
    return found.values();
  }
}

function withoutPod(all: readonly Conflict[], pod: string): Conflict[] {
  return all.filter((conflict) => conflict.pod !== pod && conflict.other !== pod);
}

interface Side {
  readonly pod: string;
  readonly mount: Mount;
}

function bothWays(one: Side, other: Side): Conflict[] {
  const found: Conflict[] = [];
  if (one.mount.policy !== other.mount.policy)
    found.push(
      conflictOf('SELinuxChangePolicy', one, other),
      conflictOf('SELinuxChangePolicy', other, one),
    );
  if (conflicts(one.mount.label, other.mount.label))
    found.push(conflictOf('SELinuxLabel', one, other), conflictOf('SELinuxLabel', other, one));
  return found;
}

function conflictOf(property: Conflict['property'], one: Side, other: Side): Conflict {
  const value = ({ mount }: Side): string =>
    property === 'SELinuxLabel' ? mount.label : mount.policy;
  return {
    property,
    pod: one.pod,
    other: other.pod,
    value: value(one),
    otherValue: value(other),
  };
}
