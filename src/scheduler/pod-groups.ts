/**
 * Pods that belong together, as far as the scheduler knows them: which there are, and which of them
 * have a node, or are about to get one.
 *
 * Source: KEP-4671; upstream v1.36 pkg/scheduler/backend/cache/podgroupstate.go.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import type { Objects } from './cluster.ts';

/** `namespace/name` of the group of a pod; undefined: it has none. */
export function groupKeyOf({ metadata, spec }: Pod): string | undefined {
  const name = spec?.schedulingGroup?.podGroupName;
  return name === undefined ? undefined : `${metadata?.namespace ?? ''}/${name}`;
}

interface Members {
  /** By uid, with their keys; as many as the group has. */
  readonly all: Map<string, string>;
  /** Uids of those with a node. */
  readonly placed: Set<string>;
}

export class PodGroups {
  readonly #objects: Objects;
  readonly #members = new Map<string, Members>();

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** By `namespace/name`. */
  group(key: string): PodGroup | undefined {
    return this.#objects.podGroup(key);
  }

  /** How many pods the group has. */
  countOf(key: string): number {
    return this.#members.get(key)?.all.size ?? 0;
  }

  /** How many of them have a node. */
  placedOf(key: string): number {
    return this.#members.get(key)?.placed.size ?? 0;
  }

  /** Keys of the pods that have none. */
  waitingOf(key: string): readonly string[] {
    const { all, placed } = this.#members.get(key) ?? NOBODY;
    return [...all].filter(([uid]) => !placed.has(uid)).map(([, podKey]) => podKey);
  }

  /** A pod is there, with a node or without. */
  seen(pod: Pod): void {
    const key = groupKeyOf(pod);
    if (key === undefined) return;
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    this.#membersOf(key).all.set(uid, `${namespace}/${name}`);
  }

  /** A pod is there no more, or has ended. */
  gone(pod: Pod): void {
    const key = groupKeyOf(pod);
    const members = key === undefined ? undefined : this.#members.get(key);
    if (key === undefined || members === undefined) return;
    const uid = pod.metadata?.uid ?? '';
    members.all.delete(uid);
    members.placed.delete(uid);
    if (members.all.size === 0 && members.placed.size === 0) this.#members.delete(key);
  }

  /** A pod has a node, or is about to get it. */
  placed(pod: Pod): void {
    const key = groupKeyOf(pod);
    if (key !== undefined) this.#membersOf(key).placed.add(pod.metadata?.uid ?? '');
  }

  /** It has none any more. */
  displaced(pod: Pod): void {
    const key = groupKeyOf(pod);
    if (key !== undefined) this.#members.get(key)?.placed.delete(pod.metadata?.uid ?? '');
  }

  #membersOf(key: string): Members {
    let members = this.#members.get(key);
    if (members === undefined)
      this.#members.set(key, (members = { all: new Map(), placed: new Set() }));
    return members;
  }
}

const NOBODY: Members = { all: new Map(), placed: new Set() };
