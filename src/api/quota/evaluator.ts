/**
 * What an evaluator knows: which of a quota's names are about one resource, and what each object of
 * it uses of them. Pure, so that the controller that recounts and an admission plug-in that charges
 * agree.
 *
 * Upstream: staging/src/k8s.io/apiserver/pkg/quota/v1/{interfaces.go,generic/evaluator.go}, v1.36.
 */
import type { ScopedResourceSelectorRequirement } from '#api/gen/core-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { DeviceClass, ResourceClaim } from '#api/gen/resource-v1.ts';
import type { ResourceList } from '../core/resources.ts';
import { type GroupResource, groupResourceName, type KubeObject } from '../meta/object.ts';

/** What evaluators may look at beside the object. */
export interface QuotaWorld {
  readonly nowMs: number;
  deviceClasses(): readonly DeviceClass[];
  pod(name: string, namespace: string): Pod | undefined;
  /** The claims of a namespace: those for extended resources of one Pod are told apart by age. */
  claims(namespace: string): readonly ResourceClaim[];
}

/** A write that admission looks at. */
export interface QuotaWrite<T extends KubeObject = KubeObject> {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly subresource: string;
  readonly object: T;
  readonly old?: T;
}

export interface Evaluator<T extends KubeObject = KubeObject> {
  readonly resource: GroupResource;
  /** Whether `name` (of `spec.hard`) is about this resource. */
  covers(name: string, world: Pick<QuotaWorld, 'deviceClasses'>): boolean;
  /** Whether the object is in the scope. A scope of another resource has none of its objects. */
  isInScope(object: T, scope: ScopedResourceSelectorRequirement): boolean;
  /** What the object uses, of all names that are about it. */
  usage(object: T, world: QuotaWorld): ResourceList;
  /** Whether such a write is to be charged: what it makes may use more than what was there. */
  charges(write: QuotaWrite<T>): boolean;
  /** What the object must say before it may be charged to a quota of `names`; undefined: nothing. */
  objection?(object: T, names: readonly string[]): string | undefined;
  /** Whether usage may have sunk or moved, so that the quota is to be counted anew. */
  isFreedBy(next: T, previous: T, nowMs: number): boolean;
}

/** `count/deployments.apps`, `count/pods`. */
export function objectCountName(resource: GroupResource): string {
  return `count/${groupResourceName(resource)}`;
}
