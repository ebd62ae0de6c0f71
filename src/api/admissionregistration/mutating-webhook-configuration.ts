/** MutatingWebhookConfiguration. Upstream: pkg/registry/admissionregistration. */
import type { MutatingWebhookConfiguration } from '#api/gen/admissionregistration-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { validateWebhooks } from '../validation/webhook.ts';
import { defaultWebhook } from './defaults.ts';

export const MUTATING_WEBHOOK_CONFIGURATION = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  countsGeneration: true,
  columns: [NAME_COLUMN, integerColumn('Webhooks', ({ webhooks }) => webhooks?.length), AGE_COLUMN],
  setDefaults: ({ webhooks }) => {
    for (const webhook of webhooks ?? []) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validateCreate: ({ webhooks }) => validateWebhooks(webhooks ?? []),
  validateUpdate: (next, old) => validateWebhooks(next.webhooks ?? [], old.webhooks ?? []),
});
