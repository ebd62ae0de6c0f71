/** Lease. Upstream: pkg/registry/coordination/lease/strategy.go. */
import type { Lease } from '#api/gen/coordination-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateLease } from '../validation/lease.ts';

/** Coordinated leader election is off by default: its fields are dropped unless already stored. */
function dropElectionFields(next: Lease, old?: Lease): void {
  if (next.spec === undefined) return;
  if (old?.spec?.strategy === undefined) delete next.spec.strategy;
  if (old?.spec?.preferredHolder === undefined) delete next.spec.preferredHolder;
}

export const LEASE = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  schema: 'io.k8s.api.coordination.v1.Lease',
  countsGeneration: false,
  createOnUpdate: true,
  columns: [NAME_COLUMN, column('Holder', ({ spec }) => spec?.holderIdentity ?? ''), AGE_COLUMN],
  prepareForCreate: (lease) => dropElectionFields(lease),
  prepareForUpdate: (next, old) => dropElectionFields(next, old),
  validate: validateLease,
});
