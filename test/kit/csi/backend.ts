/**
 * The storage behind the simulated CSI driver: which volumes there are, and on which nodes. It
 * refuses what real storage refuses, and remembers what would have harmed data.
 */
export const DRIVER = 'csi.example.com';

export interface StoredVolume {
  bytes: string;
  /** Whether several nodes may have it at once. */
  readonly isShared: boolean;
  readonly nodes: Set<string>;
}

/** Operations take so long, and fail when the test says so. */
export interface Behaviour {
  provisionMs: number;
  attachMs: number;
  detachMs: number;
  resizeMs: number;
  /** Why this operation fails now; undefined: it does not. `subject`: the claim, or the volume. */
  failure: (operation: Operation, subject: string) => string | undefined;
}

export type Operation = 'provision' | 'delete' | 'attach' | 'detach' | 'resize';

export class CsiBackend {
  /** By handle. */
  readonly volumes = new Map<string, StoredVolume>();
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  /** A volume that is there already stays as it is. */
  create(handle: string, volume: Pick<StoredVolume, 'bytes' | 'isShared'>): void {
    if (this.volumes.has(handle)) return;
    this.volumes.set(handle, { ...volume, nodes: new Set() });
  }

  delete(handle: string): void {
    this.#mayFail('delete', handle);
    const { nodes } = this.volumes.get(handle) ?? {};
    if (nodes !== undefined && nodes.size > 0)
      throw new Error(`volume ${handle} is published to ${[...nodes].join(', ')}`);
    this.volumes.delete(handle);
  }

  publish(handle: string, node: string): void {
    this.#mayFail('attach', handle);
    const volume = this.volumes.get(handle);
    if (volume === undefined) throw new Error(`volume ${handle} does not exist`);
    const other = [...volume.nodes].find((each) => each !== node);
    if (other !== undefined && !volume.isShared)
      throw new Error(`volume ${handle} is published to ${other}`);
    volume.nodes.add(node);
  }

  unpublish(handle: string, node: string): void {
    this.#mayFail('detach', handle);
    this.volumes.get(handle)?.nodes.delete(node);
  }

  resize(handle: string, bytes: string): void {
    this.#mayFail('resize', handle);
    const volume = this.volumes.get(handle);
    if (volume === undefined) throw new Error(`volume ${handle} does not exist`);
    volume.bytes = bytes;
  }

  #mayFail(operation: Operation, subject: string): void {
    const failure = this.#behaviour.failure(operation, subject);
    if (failure !== undefined) throw new Error(failure);
  }
}
