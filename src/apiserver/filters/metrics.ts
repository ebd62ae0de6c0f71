/**
 * Counts requests, their durations and sizes, and those that stay open.
 *
 * Only requests with a route are counted: their labels are ours, not the client's.
 */
import type { Body, ByteSink, HttpResponse } from '#base/http/message.ts';
import { waitedForOthersMs } from '../audit/latency.ts';
import { requestLabels, type ServerMetrics } from '../metrics/server-metrics.ts';
import type { Filter } from './filter.ts';
import { isLongRunning } from './long-running.ts';

const READS = new Set(['get', 'list', 'head', 'options']);

export function metricsFilter(metrics: ServerMetrics): Filter {
  return {
    name: 'metrics',
    async handle(context, next) {
      const { info, environment } = context;
      const isLong = isLongRunning(info);
      const end = isLong ? undefined : metrics.begin();
      const beganMs = environment.clock.monotonicMs();
      try {
        const response = await next();
        if (!metrics.hasRoute(info)) return response;
        const labels = requestLabels(info, context.request.method, dryRunOf(info.query));
        const [component = '', dryRun, ...rest] = labels;
        const ownLabels = [component, ...rest];
        metrics.requests.add([String(response.status), ...labels]);
        if (isLong) return counted(response, metrics, ownLabels);
        const tookMs = environment.clock.monotonicMs() - beganMs;
        metrics.durations.observe(labels, tookMs / 1000);
        if (dryRun === '') {
          const ownMs = Math.max(0, tookMs - waitedForOthersMs(context));
          metrics.ownDurations.observe(ownLabels, ownMs / 1000);
        }
        const size = sizeOf(response.body);
        if (size !== undefined && READS.has(info.verb)) metrics.sizes.observe(ownLabels, size);
        return response;
      } finally {
        end?.();
      }
    },
  };
}

/** Upstream's word for what is none is `invalid`. */
function dryRunOf(query: URLSearchParams): string {
  const asked = query.getAll('dryRun');
  if (asked.length === 0) return '';
  return asked.every((word) => word === 'All') ? 'All' : 'invalid';
}

function sizeOf(body: Body | undefined): number | undefined {
  if (body?.kind === 'bytes') return body.bytes.length;
  return body?.kind === 'pieces' ? body.length : undefined;
}

/** The answer, counted as open from its first reader until it is closed. */
function counted(
  response: HttpResponse,
  metrics: ServerMetrics,
  labels: readonly string[],
): HttpResponse {
  const { body } = response;
  if (body?.kind !== 'stream') return response;
  return {
    ...response,
    body: {
      kind: 'stream',
      start(sink) {
        metrics.longRunning.add(labels);
        let isOpen = true;
        const close = (): void => {
          if (isOpen) metrics.longRunning.add(labels, -1);
          isOpen = false;
        };
        sink.onClose(close);
        body.start(closing(sink, close));
      },
    },
  };
}

function closing(sink: ByteSink, onEnd: () => void): ByteSink {
  return {
    write: (bytes) => sink.write(bytes),
    end() {
      onEnd();
      sink.end();
    },
    abort(reason) {
      onEnd();
      sink.abort(reason);
    },
    onDrain: (callback) => sink.onDrain(callback),
    onClose: (callback) => sink.onClose(callback),
  };
}
