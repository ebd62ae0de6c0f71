/**
 * What a component's clients count of their requests: how many, how long, how large.
 *
 * A watch is counted, but neither timed nor measured. There is no limit of requests to wait for, no
 * plug-in that runs to get credentials and no cache of transports, and so no metric of them.
 *
 * Upstream: staging/src/k8s.io/component-base/metrics/prometheus/restclient/metrics.go and
 * client-go/rest/request.go, v1.36.
 */
import type { Clock } from '#base/env.ts';
import type { Body, ByteSink, Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';

const REQUESTS = alpha(
  'rest_client_requests_total',
  'Requests that were sent.',
  'code',
  'method',
  'host',
);
const SECONDS = alpha(
  'rest_client_request_duration_seconds',
  'How long requests took.',
  'verb',
  'host',
);
const REQUEST_SIZES = alpha(
  'rest_client_request_size_bytes',
  'Sizes of what was sent.',
  'verb',
  'host',
);
const RESPONSE_SIZES = alpha(
  'rest_client_response_size_bytes',
  'Sizes of what was answered.',
  'verb',
  'host',
);
const SECONDS_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const SIZE_BUCKETS = [
  64, 256, 512, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
];
const NO_ANSWER = '<error>';
const WATCH = /[?&]watch=(?:true|1)(?:&|$)/;

export class ClientMetrics {
  readonly #clock: Clock;
  readonly #requests: Counter;
  readonly #seconds: Histogram;
  readonly #requestSizes: Histogram;
  readonly #responseSizes: Histogram;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#requests = registry.counter(REQUESTS);
    this.#seconds = registry.histogram(SECONDS, SECONDS_BUCKETS);
    this.#requestSizes = registry.histogram(REQUEST_SIZES, SIZE_BUCKETS);
    this.#responseSizes = registry.histogram(RESPONSE_SIZES, SIZE_BUCKETS);
  }

  /** `handler`, whose requests to `host` (`10.0.0.1:6443`) are counted. */
  measured(handler: Handler, host: string): Handler {
    return async (request) => {
      const { method } = request;
      const startMs = this.#clock.monotonicMs();
      const isWatch = WATCH.test(request.url);
      const labels = [method, host];
      if (!isWatch) this.#requestSizes.observe(labels, sizeOf(request));
      const ended = (bytes?: number): void => {
        if (isWatch) return;
        this.#seconds.observe(labels, (this.#clock.monotonicMs() - startMs) / 1000);
        if (bytes !== undefined) this.#responseSizes.observe(labels, bytes);
      };
      try {
        const response = await handler(request);
        this.#requests.add([String(response.status), method, host]);
        return isWatch ? response : whenRead(response, ended);
      } catch (error) {
        this.#requests.add([NO_ANSWER, method, host]);
        ended();
        throw error;
      }
    };
  }
}

function sizeOf({ body }: HttpRequest): number {
  return body?.length ?? 0;
}

/** `response`, of which is told how many bytes it had when it has been read; none: it broke off. */
function whenRead(response: HttpResponse, ended: (bytes?: number) => void): HttpResponse {
  const { body } = response;
  if (body?.kind === 'stream') return { ...response, body: counted(body, ended) };
  ended(body?.kind === 'bytes' ? body.bytes.length : 0);
  return response;
}

type Streamed = Extract<Body, { readonly kind: 'stream' }>;

function counted(body: Streamed, ended: (bytes?: number) => void): Streamed {
  return {
    kind: 'stream',
    start(sink: ByteSink): void {
      let size = 0;
      body.start({
        write(bytes) {
          size += bytes.length;
          return sink.write(bytes);
        },
        end() {
          ended(size);
          sink.end();
        },
        abort(reason) {
          ended();
          sink.abort(reason);
        },
        onDrain: (callback) => sink.onDrain(callback),
        onClose: (callback) => sink.onClose(callback),
      });
    },
  };
}
