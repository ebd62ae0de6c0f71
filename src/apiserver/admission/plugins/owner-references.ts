/**
 * OwnerReferencesPermissionEnforcement: who may not delete an object may not hand it to an owner
 * with which it goes, and who may not finalize the owner may not block its deletion.
 *
 * Source: upstream plugin/pkg/admission/gc.
 */
import { equalValues } from '#api/meta/equal.ts';
import { type OwnerReference, parseApiVersion } from '#api/meta/object.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PODS } from '../targets.ts';

export function ownerReferencesPermissionEnforcement(services: AdmissionServices): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    async validate(attributes) {
      const { operation, subresource } = attributes;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      // Old kubelets garble them there, and the status changes none.
      if (isFor(attributes, PODS) && subresource === 'status') return;
      const [next, before] = [attributes.object, attributes.old].map(
        (object) => object?.metadata?.ownerReferences ?? [],
      );
      if (next === undefined || before === undefined || equalValues(next, before)) return;
      if (operation === 'UPDATE') await checkDeletes(attributes, services);
      for (const owner of newlyBlocking(next, before))
        await checkOwner(attributes, services, owner);
    },
  };
}

async function checkDeletes(
  attributes: Attributes,
  { authorize }: AdmissionServices,
): Promise<void> {
  const { user, kind, namespace, subresource, name } = attributes;
  const { outcome, reason } = await authorize({
    user,
    verb: 'delete',
    path: '',
    isResourceRequest: true,
    group: kind.group,
    version: kind.version,
    resource: kind.plural,
    subresource,
    namespace,
    name,
  });
  if (outcome === 'allow') return;
  throw refusal(
    attributes,
    `cannot set an ownerRef on a resource you can't delete: ${reason}, <nil>`,
  );
}

/** Owners whose deletion waits for the object from now on. */
function newlyBlocking(
  next: readonly OwnerReference[],
  before: readonly OwnerReference[],
): OwnerReference[] {
  const blocked = new Set(
    before.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true).map(({ uid }) => uid),
  );
  return next.filter(
    ({ blockOwnerDeletion, uid }) => blockOwnerDeletion === true && !blocked.has(uid),
  );
}

/** The right is needed for each resource that has the owner's kind. */
async function checkOwner(
  attributes: Attributes,
  { authorize, resources }: AdmissionServices,
  { apiVersion, kind, name }: OwnerReference,
): Promise<void> {
  const { group, version } = parseApiVersion(apiVersion);
  const owners = resources
    .kinds()
    .filter((each) => each.group === group && each.version === version && each.kind === kind);
  if (owners.length === 0)
    throw refusal(
      attributes,
      `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
    );
  for (const { plural, namespaced } of owners) {
    const { outcome, reason } = await authorize({
      user: attributes.user,
      verb: 'update',
      path: '',
      isResourceRequest: true,
      group,
      version,
      resource: plural,
      subresource: 'finalizers',
      namespace: namespaced ? attributes.namespace : '',
      name,
    });
    if (outcome !== 'allow')
      throw refusal(
        attributes,
        `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason}, <nil>`,
      );
  }
}
