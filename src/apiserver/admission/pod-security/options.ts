/**
 * What PodSecurity is configured with.
 *
 * Source: API reference, PodSecurityConfiguration (pod-security.admission.config.k8s.io/v1).
 */
import type { Policy } from './policy.ts';
import type { LevelVersion } from './version.ts';

export interface PodSecurityOptions {
  /** Of namespaces without labels. */
  readonly defaults: Policy;
  readonly exemptions: {
    readonly usernames: ReadonlySet<string>;
    readonly namespaces: ReadonlySet<string>;
    readonly runtimeClasses: ReadonlySet<string>;
  };
}

const OPEN: LevelVersion = { level: 'privileged', version: 'latest' };

/** Without a configuration nothing is checked but where labels say so. */
export const POD_SECURITY_DEFAULTS: PodSecurityOptions = {
  defaults: { enforce: OPEN, audit: OPEN, warn: OPEN },
  exemptions: { usernames: new Set(), namespaces: new Set(), runtimeClasses: new Set() },
};
