/** Which configuration goes to which plug-in. */
import type { PluginConfigurations } from '../options.ts';
import { readEventRateLimit } from './event-rate-limit.ts';
import { readNodeSelectors } from './node-selectors.ts';
import { readPodSecurity } from './pod-security.ts';
import { readPodTolerations } from './pod-tolerations.ts';
import { readResourceQuota } from './resource-quota.ts';

type Reader = (text: string) => PluginConfigurations;

/** Plug-ins whose configuration says all: it names no other file. */
const READERS: Readonly<Record<string, Reader>> = {
  EventRateLimit: (text) => ({ eventLimits: readEventRateLimit(text) }),
  PodNodeSelector: (text) => ({ nodeSelectors: readNodeSelectors(text) }),
  PodSecurity: (text) => ({ podSecurity: readPodSecurity(text) }),
  PodTolerationRestriction: (text) => ({ podTolerations: readPodTolerations(text) }),
  ResourceQuota: (text) => ({ limitedResources: readResourceQuota(text) }),
};

/**
 * The configuration of a plug-in. Throws ConfigError. A plug-in that takes none passes over what it
 * is given, as upstream's.
 */
export function readPluginConfiguration(name: string, text: string): PluginConfigurations {
  return READERS[name]?.(text) ?? {};
}
