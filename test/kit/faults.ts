/**
 * What can go wrong between a component and the API server, by chance and from one seed: requests
 * that take time, writes that fail, watches that lag or break.
 */
import { type Environment, sleep } from '#base/env.ts';
import type { Body, ByteSink, Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { SeededRandom } from './virtual-environment.ts';

export interface Faults {
  /** Each request takes up to this long. */
  readonly latencyMsMax: number;
  /** This part of the writes never reaches the server. */
  readonly writeFailureRatio: number;
  /** This part of the writes is done, and the answer is lost. */
  readonly lostAnswerRatio: number;
  /** Each piece of a watch comes up to this late; never out of order. */
  readonly watchDelayMsMax: number;
  /** A watch breaks after a piece with this probability. */
  readonly watchBreakRatio: number;
}

export const NO_FAULTS: Faults = {
  latencyMsMax: 0,
  writeFailureRatio: 0,
  lostAnswerRatio: 0,
  watchDelayMsMax: 0,
  watchBreakRatio: 0,
};

export interface FaultyOptions {
  readonly handler: Handler;
  readonly environment: Environment;
  readonly random: SeededRandom;
  /** Asked at each request, so that faults can be switched off. */
  readonly faults: () => Faults;
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** `handler` behind a bad line. */
export function faultyHandler({ handler, environment, random, faults }: FaultyOptions): Handler {
  return async (request) => {
    const now = faults();
    const isWrite = !READS.has(request.method);
    if (now.latencyMsMax > 0)
      await sleep(environment, random.below(now.latencyMsMax), request.signal);
    if (isWrite && random.chance(now.writeFailureRatio))
      throw new Error('injected: connection refused');
    const response = await handler(request);
    if (isWrite && random.chance(now.lostAnswerRatio))
      throw new Error('injected: connection reset');
    return isWatch(request) ? lagging(response, { environment, random, faults }) : response;
  };
}

function isWatch({ url }: HttpRequest): boolean {
  return /[?&]watch=(true|1)/.test(url);
}

type LineOptions = Omit<FaultyOptions, 'handler'>;

function lagging(response: HttpResponse, options: LineOptions): HttpResponse {
  const { body } = response;
  if (body?.kind !== 'stream') return response;
  const late: Body = { kind: 'stream', start: (sink) => body.start(new LateSink(sink, options)) };
  return { ...response, body: late };
}

/** Passes everything on, later. */
class LateSink implements ByteSink {
  readonly #sink: ByteSink;
  readonly #options: LineOptions;
  /** When the last piece will arrive: nothing overtakes it. */
  #lastMs = 0;
  #broken = false;

  constructor(sink: ByteSink, options: LineOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  write(bytes: Uint8Array): boolean {
    const { random, faults } = this.#options;
    this.#later(() => this.#sink.write(bytes));
    if (random.chance(faults().watchBreakRatio)) {
      this.#later(() => this.#sink.abort(new Error('injected: watch broken')));
      this.#broken = true;
    }
    return true;
  }

  end(): void {
    this.#later(() => this.#sink.end());
  }

  abort(reason: Error): void {
    this.#later(() => this.#sink.abort(reason));
  }

  onDrain(callback: () => void): void {
    this.#sink.onDrain(callback);
  }

  onClose(callback: () => void): void {
    this.#sink.onClose(callback);
  }

  #later(action: () => void): void {
    if (this.#broken) return;
    const { environment, random, faults } = this.#options;
    const { watchDelayMsMax } = faults();
    const nowMs = environment.clock.monotonicMs();
    const delayMs = watchDelayMsMax === 0 ? 0 : random.below(watchDelayMsMax);
    this.#lastMs = Math.max(this.#lastMs, nowMs + delayMs);
    environment.timers.after(this.#lastMs - nowMs, action);
  }
}
