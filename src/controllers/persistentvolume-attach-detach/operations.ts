/**
 * What is going on with volumes: an attach or detach that was asked for and is waited for, and how
 * long to leave one alone that has failed. A volume that one node alone may have has one operation
 * at a time; others have one for each node.
 *
 * Upstream: pkg/volume/util/nestedpendingoperations and pkg/util/goroutinemap/exponentialbackoff,
 * v1.36.
 */
export type OperationKind = 'attach' | 'detach';

const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 122_000;

export interface Pending {
  readonly volume: string;
  readonly kind: OperationKind;
  readonly node: string;
  readonly startedMs: number;
}

interface Operation {
  kind: OperationKind;
  pending?: Pending;
  backoffMs: number;
  untilMs: number;
}

export class Operations {
  /** By volume, and by volume and node. */
  readonly #operations = new Map<string, Operation>();
  /** The nodes of what goes on, by volume. */
  readonly #nodes = new Map<string, Set<string>>();

  /** Whether it may begin: nothing is going on, and the last failure of its kind is long enough ago. */
  mayStart(key: string, kind: OperationKind, nowMs: number): boolean {
    const known = this.#operations.get(key);
    if (known === undefined) return true;
    if (known.pending !== undefined) return false;
    return known.kind !== kind || nowMs > known.untilMs;
  }

  /** Until a failed operation may be tried again; undefined: nothing has failed. */
  retryInMs(key: string, nowMs: number): number | undefined {
    const known = this.#operations.get(key);
    if (known === undefined || known.pending !== undefined || known.untilMs < nowMs)
      return undefined;
    return known.untilMs - nowMs + 1;
  }

  pending(key: string): Pending | undefined {
    return this.#operations.get(key)?.pending;
  }

  /** On which nodes something goes on with the volume. */
  nodesOf(volume: string): Iterable<string> {
    return this.#nodes.get(volume) ?? [];
  }

  start(key: string, pending: Pending): void {
    const nodes = this.#nodes.get(pending.volume) ?? new Set();
    this.#nodes.set(pending.volume, nodes.add(pending.node));
    const known = this.#operations.get(key);
    const backoffMs = known?.kind === pending.kind ? known.backoffMs : 0;
    this.#operations.set(key, { kind: pending.kind, pending, backoffMs, untilMs: 0 });
  }

  succeeded(key: string): void {
    this.#ended(this.#operations.get(key)?.pending);
    this.#operations.delete(key);
  }

  failed(key: string, nowMs: number): void {
    const known = this.#operations.get(key);
    if (known === undefined) return;
    this.#ended(known.pending);
    delete known.pending;
    known.backoffMs = Math.min(Math.max(2 * known.backoffMs, BACKOFF_MS_MIN), BACKOFF_MS_MAX);
    known.untilMs = nowMs + known.backoffMs;
  }

  #ended(pending: Pending | undefined): void {
    if (pending === undefined) return;
    const nodes = this.#nodes.get(pending.volume);
    nodes?.delete(pending.node);
    if (nodes?.size === 0) this.#nodes.delete(pending.volume);
  }
}

/** What an operation on a volume excludes: all others of it, or those of its node. */
export function operationKey(volume: string, node: string, isShared: boolean): string {
  return isShared ? `${volume} ${node}` : volume;
}
