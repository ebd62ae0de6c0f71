/**
 * What a check of the Pod Security Standards is: from which versions of them on it looks how, and
 * what it finds. And words that all of them use.
 *
 * Source: upstream staging/src/k8s.io/pod-security-admission/policy/{checks,helpers,visitor}.go, v1.36.
 */
import { allContainers } from '#api/core/pod-references.ts';
import type { Container, EphemeralContainer, PodSpec } from '#api/gen/core-v1.ts';

/** A pod, or the template of one. */
export interface CheckedPod {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

/** Why a pod is not allowed. */
export interface Finding {
  readonly reason: string;
  /** What of this pod; a short text for people. */
  readonly detail: string;
}

/** Undefined: nothing against the pod. */
export type Look = (pod: CheckedPod) => Finding | undefined;

export interface CheckVersion {
  /** The minor of `v1.x` from which on it is so. */
  readonly from: number;
  readonly look: Look;
  /** Checks of `baseline` that this one stands for at `restricted`. */
  readonly overrides?: readonly string[];
}

export interface Check {
  readonly id: string;
  readonly level: 'baseline' | 'restricted';
  /** Oldest first. */
  readonly versions: readonly CheckVersion[];
}

export type AnyContainer = Container | EphemeralContainer;

/** In the order in which messages name them. */
export function containersOf({ spec }: CheckedPod): readonly AnyContainer[] {
  return allContainers({ spec });
}

/** Names of the containers that `isBad` picks. */
export function namesWhere(pod: CheckedPod, isBad: (container: AnyContainer) => boolean): string[] {
  return containersOf(pod)
    .filter(isBad)
    .map(({ name }) => name);
}

/** `"a", "b"` */
export function quoted(items: readonly string[]): string {
  return items.length === 0 ? '' : `"${items.join('", "')}"`;
}

export function plural(one: string, many: string, count: number): string {
  return count === 1 ? one : many;
}

/** `container "a"`, `containers "a", "b"` */
export function containersText(names: readonly string[]): string {
  return `${plural('container', 'containers', names.length)} ${quoted(names)}`;
}

/** Who has set something bad: `pod and container "a"`. Empty where nobody has. */
export function settersText(byPod: boolean, names: readonly string[]): string {
  return [...(byPod ? ['pod'] : []), ...(names.length === 0 ? [] : [containersText(names)])].join(
    ' and ',
  );
}

/** Each once, in order of their characters. */
export function sortedSet(values: Iterable<string>): string[] {
  return [...new Set(values)].toSorted();
}

/** A pod that says that it is for Windows, where the kernel's restrictions of Linux say nothing. */
export function isForWindows({ spec }: CheckedPod): boolean {
  return spec.os?.name === 'windows';
}

/** A pod whose users are none of the node's. */
export function hasOwnUsers({ spec }: CheckedPod): boolean {
  return spec.hostUsers === false;
}

/** `look` for pods that `isExcused` does not pick. */
export function unless(isExcused: (pod: CheckedPod) => boolean, look: Look): Look {
  return (pod) => (isExcused(pod) ? undefined : look(pod));
}
