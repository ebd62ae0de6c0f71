/** The write of what is used of a quota: its status, by the server itself, if nobody else wrote. */
import { updateManagedFields } from '#api/apply/managed-fields.ts';
import type { ResourceList } from '#api/core/resources.ts';
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import { conflict, notFound, OBJECT_MODIFIED } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { fieldTypeOf } from '#api/schema/kind-types.ts';
import { type ApiObject, copyOf } from '../../api-object.ts';
import { SERVER_IDENTITY } from '../../bootstrap/local-client.ts';
import type { Resource } from '../../registry/resource.ts';
import type { AdmissionServices } from '../services.ts';
import { RESOURCE_QUOTAS } from '../targets.ts';

const MANAGER = 'kube-apiserver';
const NOTE = JSON.stringify({ u: SERVER_IDENTITY.name, a: MANAGER, v: 'update', s: 'status' });

/**
 * Puts `used` into the status of `quota`, if that is still at its version. Answers the new one.
 * Throws 404, 409, or what else the store has against it.
 */
export async function writeUsed(
  { registry, resources, environment }: AdmissionServices,
  quota: ResourceQuota,
  used: ResourceList,
): Promise<ResourceQuota> {
  const { name = '', namespace = '', resourceVersion } = quota.metadata ?? {};
  const groupResource = { group: '', resource: RESOURCE_QUOTAS.plural };
  const resource = resources.first(RESOURCE_QUOTAS.group, RESOURCE_QUOTAS.plural);
  if (resource === undefined) throw notFound(groupResource, name);
  const { object } = await registry.update(resource, {
    namespace,
    name,
    subresource: 'status',
    user: SERVER_IDENTITY,
    note: NOTE,
    dryRun: false,
    warn: () => {},
    transform: async (current) => {
      if (current?.metadata?.resourceVersion !== resourceVersion)
        throw conflict(groupResource, name, OBJECT_MODIFIED);
      const next = copyOf(current as ApiObject);
      next['status'] = { ...quota.status, used };
      recordServer(resource, current, next, timeText(environment.clock.now()));
      return next;
    },
  });
  return object;
}

function recordServer(
  { kind }: Resource,
  live: ApiObject | undefined,
  next: ApiObject,
  time: string,
): void {
  updateManagedFields({
    type: fieldTypeOf(kind),
    kind,
    ...(live === undefined ? {} : { live }),
    next,
    manager: {
      name: MANAGER,
      apiVersion: apiVersionOf(kind),
      subresource: 'status',
      timeText: time,
    },
  });
}
