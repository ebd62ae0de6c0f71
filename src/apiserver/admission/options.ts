/**
 * Which admission plug-ins run, and what each is configured with.
 *
 * Source: upstream pkg/kubeapiserver/options/plugins.go, v1.36, for what is off by default.
 */
import type { WebhookUsers } from '../webhooks/credentials.ts';
import type { EventLimit } from './configuration/event-rate-limit.ts';
import type { ImagePolicyOptions } from './configuration/image-policy.ts';
import type { PodTolerationOptions } from './configuration/pod-tolerations.ts';
import type { LimitedResource } from './configuration/resource-quota.ts';
import type { PodSecurityOptions } from './pod-security/options.ts';

/** Parsed, with defaults, and valid. What is absent was not configured. */
export interface PluginConfigurations {
  readonly podSecurity?: PodSecurityOptions;
  /** What may not be used without a quota that covers it. */
  readonly limitedResources?: readonly LimitedResource[];
  readonly eventLimits?: readonly EventLimit[];
  readonly imagePolicy?: ImagePolicyOptions;
  /** Label selectors by namespace; `clusterDefaultNodeSelector` is that of all others. */
  readonly nodeSelectors?: Readonly<Record<string, string>>;
  readonly podTolerations?: PodTolerationOptions;
  /** Whom mutating webhooks see; nobody unless given. */
  readonly mutatingWebhookUsers?: WebhookUsers;
  readonly validatingWebhookUsers?: WebhookUsers;
}

export interface AdmissionOptions {
  /** Names of plug-ins that run though they are off by default. */
  readonly enabled?: readonly string[];
  /** Names of plug-ins that do not run. */
  readonly disabled?: readonly string[];
  readonly configuration?: PluginConfigurations;
}

export const OFF_BY_DEFAULT: ReadonlySet<string> = new Set([
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
  'PodNodeSelector',
  'PodTolerationRestriction',
]);

/** Whether the plug-in of this name runs. */
export function isSwitchedOn(name: string, options: AdmissionOptions = {}): boolean {
  if (options.disabled?.includes(name) === true) return false;
  return !OFF_BY_DEFAULT.has(name) || options.enabled?.includes(name) === true;
}
