/** Which Services this proxy serves. */
import type { Service } from '#api/gen/core-v1.ts';

/** A Service with this label belongs to another proxy, and so do its EndpointSlices. */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** The label of what belongs to a headless Service: its EndpointSlices are not for proxies. */
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** Services without an address (headless, ExternalName) are DNS's alone. */
export function isProxied({ metadata, spec }: Service): boolean {
  const { clusterIP = '', type } = spec ?? {};
  if (type === 'ExternalName' || clusterIP === '' || clusterIP === 'None') return false;
  const labels = metadata?.labels ?? {};
  return labels[PROXY_NAME_LABEL] === undefined && labels[HEADLESS_LABEL] === undefined;
}
