/** Defaults of admission webhooks and policies. Upstream: pkg/apis/admissionregistration/v1/defaults.go. */
import type {
  MatchResources,
  RuleWithOperations,
  WebhookClientConfig,
} from '#api/gen/admissionregistration-v1.ts';
import type { LabelSelector } from '../meta/object.ts';

const TIMEOUT_SECONDS = 10;
const HTTPS_PORT = 443;

interface Webhook {
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  timeoutSeconds?: number;
  clientConfig: WebhookClientConfig;
  rules?: RuleWithOperations[];
}

function defaultRules(rules: readonly { scope?: string }[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*';
}

/** What validating and mutating webhooks have in common. */
export function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= TIMEOUT_SECONDS;
  if (webhook.clientConfig?.service !== undefined) webhook.clientConfig.service.port ??= HTTPS_PORT;
  defaultRules(webhook.rules);
}

export function defaultMatch(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}
