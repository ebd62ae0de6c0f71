/** ValidatingWebhookConfiguration. Upstream: pkg/registry/admissionregistration. */
import type { ValidatingWebhookConfiguration } from '#api/gen/admissionregistration-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { validateWebhooks } from '../validation/webhook.ts';
import { defaultWebhook } from './defaults.ts';

export const VALIDATING_WEBHOOK_CONFIGURATION = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  countsGeneration: true,
  columns: [NAME_COLUMN, integerColumn('Webhooks', ({ webhooks }) => webhooks?.length), AGE_COLUMN],
  setDefaults: ({ webhooks }) => (webhooks ?? []).forEach(defaultWebhook),
  validateCreate: ({ webhooks }) => validateWebhooks(webhooks ?? []),
  validateUpdate: (next, old) => validateWebhooks(next.webhooks ?? [], old.webhooks ?? []),
});
