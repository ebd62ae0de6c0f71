/** ResourceClaimTemplate. Upstream: pkg/registry/resource/resourceclaimtemplate/strategy.go. */
import type { ResourceClaimTemplate } from '#api/gen/resource-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, NAME_COLUMN } from '../meta/columns.ts';
import { fieldPath } from '../meta/field.ts';
import { validateResourceClaimTemplate } from '../validation/device-claim.ts';
import { immutable } from '../validation/metadata.ts';
import { labelOfTemplate } from './admin-access.ts';
import { defaultDeviceRequests } from './device-requests.ts';

export const RESOURCE_CLAIM_TEMPLATE = defineKind<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  namespaced: true,
  schema: 'io.k8s.api.resource.v1.ResourceClaimTemplate',
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [NAME_COLUMN, AGE_COLUMN],
  setDefaults: (template) => defaultDeviceRequests(template.spec?.spec),
  namespaceLabelNeeded: labelOfTemplate,
  validate: validateResourceClaimTemplate,
  validateUpdate: (next, old) =>
    immutable(
      next.spec,
      old.spec,
      fieldPath('spec'),
      'io.k8s.api.resource.v1.ResourceClaimTemplateSpec',
    ),
});
