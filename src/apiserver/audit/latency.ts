/**
 * Where the time of a slow request went, as annotations of its event.
 *
 * Nothing is measured where nothing is audited.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/request/webhook_duration.go and
 * pkg/endpoints/filters/audit.go (writeLatencyToAnnotation).
 */
import { formatDuration } from '#api/codec/duration.ts';
import { RequestContext } from '../context.ts';

const PREFIX = 'apiserver.latency.k8s.io/';
/** Of quicker requests nothing is said. */
const SLOW_MS = 500;

export type LatencyLayer =
  | 'authentication'
  | 'authorization'
  | 'impersonation'
  | 'apf-queue-wait'
  | 'etcd'
  | 'mutating-webhook'
  | 'validating-webhook'
  | 'serialize-response-object';

/** Milliseconds by layer. */
export type Latencies = Map<LatencyLayer, number>;

/** A layer took so long once more, milliseconds. */
export function tookMs(context: RequestContext, layer: LatencyLayer, ms: number): void {
  if (context.latencies !== undefined) add(context.latencies, layer, ms);
}

/**
 * A call of an admission webhook took so long. `request`: as admission has it. Mutating ones come one
 * after another and add up; validating ones go out together, and the slowest counts.
 */
export function webhookTook(
  request: object,
  layer: 'mutating-webhook' | 'validating-webhook',
  ms: number,
): void {
  const latencies = request instanceof RequestContext ? request.latencies : undefined;
  if (latencies === undefined) return;
  if (layer === 'mutating-webhook') add(latencies, layer, ms);
  else latencies.set(layer, Math.max(latencies.get(layer) ?? 0, ms));
}

function add(latencies: Latencies, layer: LatencyLayer, ms: number): void {
  latencies.set(layer, (latencies.get(layer) ?? 0) + ms);
}

/** Says of a slow request how long each layer took that took any time. */
export function annotateLatency(context: RequestContext, totalMs: number): void {
  if (totalMs <= SLOW_MS) return;
  const layers = [...(context.latencies ?? [])].filter(([, ms]) => ms > 0);
  if (layers.length === 0) return;
  for (const [layer, ms] of [...layers, ['total', totalMs] as const])
    context.annotate(`${PREFIX}${layer}`, formatDuration(Math.round(ms * 1e6)));
}
