/** Names of upstream's Go types, which its messages tell. Upstream: pkg/apis, one package a group. */
import type { GroupVersionKind } from './object.ts';

const PACKAGES: Readonly<Record<string, string>> = {
  '': 'core',
  'events.k8s.io': 'core',
  'internal.apiserver.k8s.io': 'apiserverinternal',
};

/** The type that all versions of a kind become: `core.Pod`. */
export function internalType({ group, kind }: Pick<GroupVersionKind, 'group' | 'kind'>): string {
  return `${PACKAGES[group] ?? group.split('.')[0] ?? ''}.${kind}`;
}

/** The type of one version: `v1.Pod`. */
export function versionedType({
  version,
  kind,
}: Pick<GroupVersionKind, 'version' | 'kind'>): string {
  return `${version}.${kind}`;
}
