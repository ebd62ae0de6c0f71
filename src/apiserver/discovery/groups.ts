/**
 * Groups and versions in the order in which discovery lists them.
 *
 * Source: upstream's group priorities (pkg/controlplane, APIService priorities) and
 * staging/src/k8s.io/apimachinery/pkg/version/helpers.go for versions.
 */
import type { AnyKind } from '#api/kind.ts';
import { compareVersions } from '#api/meta/version.ts';

const GROUP_ORDER: readonly string[] = [
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'internal.apiserver.k8s.io',
  'storagemigration.k8s.io',
];

export interface Group {
  readonly name: string;
  /** The preferred version first. */
  readonly versions: readonly GroupVersionKinds[];
}

export interface GroupVersionKinds {
  readonly version: string;
  /** Sorted by resource name. */
  readonly kinds: readonly AnyKind[];
}

/** The groups of `kinds`, the core group (named '') first, groups without a rank last by name. */
export function groupsOf(kinds: readonly AnyKind[]): Group[] {
  return [...Map.groupBy(kinds, (kind) => kind.group)]
    .toSorted(([a], [b]) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
    .map(([name, list]) => ({ name, versions: versionsOf(list) }));
}

function rankOf(group: string): number {
  if (group === '') return -1;
  const rank = GROUP_ORDER.indexOf(group);
  return rank < 0 ? GROUP_ORDER.length : rank;
}

function versionsOf(kinds: readonly AnyKind[]): GroupVersionKinds[] {
  return [...Map.groupBy(kinds, (kind) => kind.version)]
    .toSorted(([a], [b]) => compareVersions(a, b))
    .map(([version, list]) => ({
      version,
      kinds: list.toSorted((left, right) => (left.plural < right.plural ? -1 : 1)),
    }));
}
