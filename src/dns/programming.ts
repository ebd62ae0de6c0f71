/**
 * How long it takes until DNS answers what has changed. Upstream: CoreDNS's
 * plugin/kubernetes/metrics.go, which knows it of headless Services with a selector alone: only the
 * endpoint slice controller writes when the pods changed.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';

const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

/** Seconds from the change to `nowMs` (wall clock); undefined when it is not known. */
export function programmingSeconds(
  slice: EndpointSlice,
  service: Service | undefined,
  nowMs: number,
): number | undefined {
  if (service?.spec?.clusterIP !== 'None') return undefined;
  const changedMs = Date.parse(slice.metadata?.annotations?.[TRIGGER_TIME] ?? '');
  return Number.isNaN(changedMs) ? undefined : (nowMs - changedMs) / 1000;
}
