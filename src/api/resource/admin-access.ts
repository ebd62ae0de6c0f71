/**
 * Admin access to devices: only in namespaces that an administrator has marked for it (KEP-5018).
 *
 * Source: upstream v1.36 pkg/registry/resource/utils.go.
 */
import type { DeviceRequest, ResourceClaim, ResourceClaimTemplate } from '#api/gen/resource-v1.ts';
import type { NamespaceLabel } from '../kind.ts';
import { type FieldPath, fieldPath, forbiddenField } from '../meta/field.ts';

const LABEL = 'resource.kubernetes.io/admin-access';

/** `at`: of the list that asks; `index`: of its first item that does, or -1. */
function needed(at: FieldPath, index: number): NamespaceLabel | undefined {
  if (index < 0) return undefined;
  const detail = `admin access to devices requires the \`${LABEL}: true\` label on the containing namespace`;
  const where = at.index(index).child('adminAccess');
  return { key: LABEL, value: 'true', error: forbiddenField(where, detail) };
}

/** Upstream names the path of a claim also in a template. */
function neededByRequests(requests: readonly DeviceRequest[] = []): NamespaceLabel | undefined {
  const index = requests.findIndex(({ exactly }) => exactly?.adminAccess === true);
  return needed(fieldPath('spec').child('devices', 'requests'), index);
}

/** The specification never changes: it is looked at once. What is allocated may come later. */
export function labelOfClaim(
  next: ResourceClaim,
  old: ResourceClaim | undefined,
): NamespaceLabel | undefined {
  if (old === undefined) return neededByRequests(next.spec?.devices?.requests);
  const granted = ({ status }: ResourceClaim): number =>
    (status?.allocation?.devices?.results ?? []).findIndex(
      ({ adminAccess }) => adminAccess === true,
    );
  if (granted(old) >= 0) return undefined;
  return needed(fieldPath('status').child('allocation', 'devices', 'results'), granted(next));
}

export function labelOfTemplate(
  next: ResourceClaimTemplate,
  old: ResourceClaimTemplate | undefined,
): NamespaceLabel | undefined {
  return old === undefined ? neededByRequests(next.spec?.spec?.devices?.requests) : undefined;
}
