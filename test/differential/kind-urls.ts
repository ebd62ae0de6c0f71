/** Where the objects of a kind lie, and what a case calls the kind. */
import type { AnyKind } from '#api/kind.ts';
import { apiVersionOf } from '#api/meta/object.ts';

/** The namespace that all cases share: dry runs leave nothing in it. */
export const NAMESPACE = 'differential';

/** `/apis/apps/v1/namespaces/differential/deployments` */
export function collectionUrl(kind: AnyKind, namespace: string = NAMESPACE): string {
  const root = kind.group === '' ? '/api' : `/apis/${kind.group}`;
  const place = kind.namespaced ? `/namespaces/${namespace}` : '';
  return `${root}/${kind.version}${place}/${kind.plural}`;
}

export function objectUrl(kind: AnyKind, name: string): string {
  return `${collectionUrl(kind)}/${encodeURIComponent(name)}`;
}

/** `apps/Deployment`; the version only where a group serves several. */
export function kindLabel(kind: AnyKind): string {
  const group = kind.group === '' ? 'core' : kind.group;
  return kind.group === 'autoscaling'
    ? `${group}/${kind.version}/${kind.kind}`
    : `${group}/${kind.kind}`;
}

/** `apps/v1 deployments` */
export function resourceLabel(kind: AnyKind): string {
  return `${apiVersionOf(kind)} ${kind.plural}`;
}
