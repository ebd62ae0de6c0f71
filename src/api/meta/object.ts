/**
 * The shapes that every API object has.
 *
 * Source: API reference v1.36, meta/v1. Times are RFC 3339 strings as on the wire.
 */
import type { LabelSelector, ObjectMeta, OwnerReference } from '#api/gen/meta-v1.ts';

export type { LabelSelector, ObjectMeta, OwnerReference };

export interface TypeMeta {
  apiVersion?: string;
  kind?: string;
}

/** Any API object: what generic code may rely on. */
export interface KubeObject extends TypeMeta {
  metadata?: ObjectMeta;
}

/** JSON as parsed: what generic code works on when it does not know the kind. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export interface GroupVersion {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
}

export interface GroupVersionKind extends GroupVersion {
  readonly kind: string;
}

export function isSameKind(one: GroupVersionKind, other: GroupVersionKind): boolean {
  return one.group === other.group && one.version === other.version && one.kind === other.kind;
}

export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(gv: GroupVersion): string {
  return gv.group === '' ? gv.version : `${gv.group}/${gv.version}`;
}

export function parseApiVersion(apiVersion: string): GroupVersion {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The one owner that manages the object, if there is one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((owner) => owner.controller === true);
}

/** `deployments.apps`, or `pods` for the core group: upstream's GroupResource.String(). */
export function groupResourceName({ group, resource }: GroupResource): string {
  return group === '' ? resource : `${resource}.${group}`;
}
