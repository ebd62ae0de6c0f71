/** ServiceAccount. Upstream: pkg/registry/core/serviceaccount/strategy.go. */
import type { ServiceAccount } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, NAME_COLUMN } from '../meta/columns.ts';

/** Of a reference to a secret only the name counts. */
function cleanSecretReferences(account: ServiceAccount): void {
  if (account.secrets !== undefined) {
    account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
  }
}

const ENFORCE_ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';

export const SERVICE_ACCOUNT = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ServiceAccount',
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [NAME_COLUMN, AGE_COLUMN],
  prepareForCreate: cleanSecretReferences,
  prepareForUpdate: cleanSecretReferences,
  warn: (next, old) =>
    next.metadata?.annotations?.[ENFORCE_ANNOTATION] !== undefined &&
    old?.metadata?.annotations?.[ENFORCE_ANNOTATION] === undefined
      ? [
          'metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets',
        ]
      : [],
});
