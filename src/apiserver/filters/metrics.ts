/**
 * Counts requests, their durations and sizes, and those that stay open.
 *
 * Only requests with a route are counted: their labels are ours, not the client's.
 */
import type { Body, ByteSink, HttpResponse } from '#base/http/message.ts';
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
        const [component = '', , ...rest] = labels;
        metrics.requests.add([String(response.status), ...labels]);
        if (isLong) return counted(response, metrics, [component, ...rest]);
        metrics.durations.observe(labels, (environment.clock.monotonicMs() - beganMs) / 1000);
        const size = sizeOf(response.body);
        if (size !== undefined && READS.has(info.verb))
          metrics.sizes.observe([component, ...rest], size);
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
