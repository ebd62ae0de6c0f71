/** What clients of a cluster write for ever, and what is news. */
import type { HttpRequest } from '#base/http/message.ts';

/** Leases, events, and what nodes report of themselves. */
const HEARTBEATS = /\/(leases|events)(\/|$|\?)|^\/api\/v1\/nodes\//;

/** Whether a request writes something that says that the cluster has not settled. */
export function isNews({ method, url }: Pick<HttpRequest, 'method' | 'url'>): boolean {
  return method !== 'GET' && !HEARTBEATS.test(url);
}
