/** ServiceCIDR. Upstream: pkg/registry/networking/servicecidr/strategy.go. */
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateServiceCidr, validateServiceCidrUpdate } from '../validation/service-range.ts';

export const SERVICE_CIDR = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  namespaced: false,
  schema: 'io.k8s.api.networking.v1.ServiceCIDR',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [NAME_COLUMN, column('CIDRs', ({ spec }) => (spec?.cidrs ?? []).join(',')), AGE_COLUMN],
  prepareForCreate: (range) => {
    range.status = {};
  },
  validateCreate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
});
