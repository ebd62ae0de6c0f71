/**
 * Where the time of a slow request went, as annotations of its event.
 *
 * Where nothing is audited nothing is measured but what a request waits for by the will of others:
 * that is no part of what the server is held to (`apiserver_request_sli_duration_seconds`). Of a
 * watch nothing is measured at all: it takes as long as its client wants.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/request/webhook_duration.go,
 * pkg/endpoints/filters/webhook_duration.go and audit.go (writeLatencyToAnnotation).
 */
import { formatDuration } from '#api/codec/duration.ts';
import { RequestContext, RequestPart } from '../context.ts';

const PREFIX = 'apiserver.latency.k8s.io/';
/** Of quicker requests nothing is said. */
const SLOW_MS = 500;

export type LatencyLayer =
  | 'authentication'
  | 'authorization'
  | 'impersonation'
  | 'apf-queue-wait'
  /** The store, whichever it is: until it has answered, and its watch has shown that. */
  | 'etcd'
  /** Objects that come out of the store, and not from a cache. */
  | 'decode-response-object'
  | 'mutating-webhook'
  | 'validating-webhook'
  /** Tables, and metadata alone. */
  | 'transform-response-object'
  | 'serialize-response-object';

const BY_OTHERS = ['apf-queue-wait', 'mutating-webhook', 'validating-webhook'] as const;
const ARE_BY_OTHERS: ReadonlySet<LatencyLayer> = new Set(BY_OTHERS);

/** Milliseconds by layer. */
export type Latencies = Map<LatencyLayer, number>;

/** From here on all layers of the request are measured. */
export function measureLatencies(context: RequestContext): void {
  if (context.info.verb !== 'watch') context.latencies = new Map();
}

/** A layer took so long once more, milliseconds. */
export function tookMs(context: RequestContext, layer: LatencyLayer, ms: number): void {
  const latencies = latenciesFor(context, layer, ms);
  if (latencies !== undefined) add(latencies, layer, ms);
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
  const context = request instanceof RequestPart ? request.whole : request;
  if (!(context instanceof RequestContext)) return;
  const latencies = latenciesFor(context, layer, ms);
  if (latencies === undefined) return;
  if (layer === 'mutating-webhook') add(latencies, layer, ms);
  else latencies.set(layer, Math.max(latencies.get(layer) ?? 0, ms));
}

/** Undefined: this is not noted. Most requests that are not audited wait for nobody and need none. */
function latenciesFor(
  context: RequestContext,
  layer: LatencyLayer,
  ms: number,
): Latencies | undefined {
  if (context.latencies === undefined && ms > 0 && ARE_BY_OTHERS.has(layer))
    measureLatencies(context);
  return context.latencies;
}

function add(latencies: Latencies, layer: LatencyLayer, ms: number): void {
  latencies.set(layer, (latencies.get(layer) ?? 0) + ms);
}

/**
 * How long the request has waited by the will of others, milliseconds. Of many deletions at a time
 * it is the sum: more than they took together.
 */
export function waitedForOthersMs({ latencies }: RequestContext): number {
  if (latencies === undefined) return 0;
  return BY_OTHERS.reduce((sum, layer) => sum + (latencies.get(layer) ?? 0), 0);
}

/** Does `work`, whose time is that of `layer`. */
export function timed<T>(context: RequestContext, layer: LatencyLayer, work: () => T): T {
  const { latencies } = context;
  if (latencies === undefined) return work();
  const { clock } = context.environment;
  const startMs = clock.monotonicMs();
  return whenDone(work(), () => add(latencies, layer, clock.monotonicMs() - startMs));
}

/** Makes the answer. What the views in it take (`presenter` counts that) is told apart from the rest. */
export function timedAnswer<T>(
  context: RequestContext,
  presenter: { readonly viewsMs: number },
  make: () => T,
): T {
  const { latencies } = context;
  if (latencies === undefined) return make();
  const { clock } = context.environment;
  const startMs = clock.monotonicMs();
  return whenDone(make(), () => {
    const { viewsMs } = presenter;
    add(latencies, 'transform-response-object', viewsMs);
    add(latencies, 'serialize-response-object', clock.monotonicMs() - startMs - viewsMs);
  });
}

/** What failed is not the last that is done for the request: its time is not told. */
function whenDone<T>(made: T, note: () => void): T {
  if (made instanceof Promise)
    return made.then((value: unknown) => {
      note();
      return value;
    }) as T;
  note();
  return made;
}

/** Is told how long the store took, milliseconds. */
export type StoreListener = (ms: number) => void;

/** Undefined where nothing is measured. */
export function storeListener({ latencies }: RequestContext): StoreListener | undefined {
  return latencies && ((ms) => add(latencies, 'etcd', ms));
}

/** Says of a slow request how long each layer took that took any time. */
export function annotateLatency(context: RequestContext, totalMs: number): void {
  if (totalMs <= SLOW_MS) return;
  const layers = [...(context.latencies ?? [])].filter(([, ms]) => ms > 0);
  if (layers.length === 0) return;
  for (const [layer, ms] of [...layers, ['total', totalMs] as const])
    context.annotate(`${PREFIX}${layer}`, formatDuration(Math.round(ms * 1e6)));
}
