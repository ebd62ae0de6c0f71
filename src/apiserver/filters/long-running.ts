/** Requests that stay open on purpose. Upstream: --long-running-request-regexp and its verbs. */
import type { RequestInfo } from '../request-info.ts';

const SUBRESOURCES = new Set(['attach', 'exec', 'portforward', 'proxy', 'log']);

export function isLongRunning(info: RequestInfo): boolean {
  return info.verb === 'watch' || info.verb === 'proxy' || SUBRESOURCES.has(info.subresource);
}
