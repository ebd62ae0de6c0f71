/** IngressClass. Upstream: pkg/registry/networking/ingressclass/strategy.go. */
import type { IngressClass } from '#api/gen/networking-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateIngressClass, validateIngressClassUpdate } from '../validation/ingress-class.ts';

const DEFAULT_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class';

function parameters({ spec }: IngressClass): string {
  const reference = spec?.parameters;
  if (reference === undefined) return '<none>';
  const group = reference.apiGroup === undefined ? '' : `.${reference.apiGroup}`;
  return `${reference.kind}${group}/${reference.name}`;
}

export const INGRESS_CLASS = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
  tellsChangesFirst: true,
  schema: 'io.k8s.api.networking.v1.IngressClass',
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    {
      ...NAME_COLUMN,
      cell: ({ metadata }) =>
        metadata?.annotations?.[DEFAULT_ANNOTATION] === 'true'
          ? `${metadata.name ?? ''} (default)`
          : (metadata?.name ?? ''),
    },
    column('Controller', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', parameters),
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => {
    if (spec?.parameters !== undefined) spec.parameters.scope ??= 'Cluster';
  },
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
});
