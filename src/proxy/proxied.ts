/** Which Services this proxy serves. */
import type { Service } from '#api/gen/core-v1.ts';

/** A Service with this label belongs to another proxy, and so do its EndpointSlices. */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';

/** Services without an address (headless, ExternalName) are DNS's alone. */
export function isProxied({ metadata, spec }: Service): boolean {
  const { clusterIP = '', type } = spec ?? {};
  if (type === 'ExternalName' || clusterIP === '' || clusterIP === 'None') return false;
  return metadata?.labels?.[PROXY_NAME_LABEL] === undefined;
}
