/**
 * Namespace: born Active, held by the finalizer `kubernetes` until its contents are gone.
 *
 * Source: upstream pkg/registry/core/namespace/strategy.go, pkg/apis/core/v1/defaults.go.
 */
import type { Namespace } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateNamespaceFinalizers, validateNamespaceStatus } from '../validation/namespace.ts';
import { nameIsDnsLabel } from '../meta/names.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZER = 'kubernetes';

function labelWithName(namespace: Namespace): void {
  const name = namespace.metadata?.name ?? '';
  if (name === '') return;
  namespace.metadata = { ...namespace.metadata };
  namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: name };
}

function setDefaults(namespace: Namespace): void {
  labelWithName(namespace);
  namespace.status ??= {};
  namespace.status.phase ||= 'Active';
}

function keepFinalizers(next: Namespace, old: Namespace): void {
  next.spec ??= {};
  if (old.spec?.finalizers === undefined) delete next.spec.finalizers;
  else next.spec.finalizers = old.spec.finalizers;
}

export const NAMESPACE = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schema: 'io.k8s.api.core.v1.Namespace',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
  columns: [
    NAME_COLUMN,
    column('Status', (namespace) => namespace.status?.phase ?? ''),
    AGE_COLUMN,
  ],
  validateName: nameIsDnsLabel,
  setDefaults,
  prepareForCreate: (namespace) => {
    namespace.status = { phase: 'Active' };
    namespace.spec ??= {};
    const finalizers = namespace.spec.finalizers ?? [];
    namespace.spec.finalizers = finalizers.includes(FINALIZER)
      ? finalizers
      : [...finalizers, FINALIZER];
  },
  prepareForUpdate: keepFinalizers,
  ownFinalizers: ({ spec }) => spec?.finalizers ?? [],
  prepareForDeletion: (namespace) => {
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
  validate: (namespace) => validateNamespaceFinalizers(namespace),
  validateStatus: validateNamespaceStatus,
  views: [
    {
      name: 'finalize',
      keep: (next, old) => {
        if (old.status === undefined) delete next.status;
        else next.status = old.status;
      },
      validate: (next) => validateNamespaceFinalizers(next, true),
    },
  ],
});
