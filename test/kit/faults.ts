/**
 * What can go wrong between a component and the API server, by chance and from one seed: requests
 * that take time, writes that fail, watches that lag or break.
 */
import { type Environment, sleep } from '#base/env.ts';
import type {
  Body,
  ByteSink,
  Handler,
  HttpRequest,
  HttpResponse,
  ObjectSink,
} from '#base/http/message.ts';
import type { SeededRandom } from '#base/virtual/seeded-random.ts';

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
  /** This part of the pieces stops its watch for up to `watchStallMsMax`: other kinds' go on. */
  readonly watchStallRatio: number;
  readonly watchStallMsMax: number;
  /** This part of the writes takes up to `slowWriteMsMax`, before it is done or after. */
  readonly slowWriteRatio: number;
  readonly slowWriteMsMax: number;
}

export const NO_FAULTS: Faults = {
  latencyMsMax: 0,
  writeFailureRatio: 0,
  lostAnswerRatio: 0,
  watchDelayMsMax: 0,
  watchBreakRatio: 0,
  watchStallRatio: 0,
  watchStallMsMax: 0,
  slowWriteRatio: 0,
  slowWriteMsMax: 0,
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
    const wait = (limitMs: number): Promise<void> =>
      limitMs > 0 ? sleep(environment, random.below(limitMs), request.signal) : Promise.resolve();
    const slowMsMax = isWrite && random.chance(now.slowWriteRatio) ? now.slowWriteMsMax : 0;
    const isSlowAfter = slowMsMax > 0 && random.chance(0.5);
    await wait(now.latencyMsMax);
    if (!isSlowAfter) await wait(slowMsMax);
    // Who has gone meanwhile takes what was on its way along.
    if (request.signal?.aborted === true) throw new Error('injected: connection closed');
    if (isWrite && random.chance(now.writeFailureRatio))
      throw new Error('injected: connection refused');
    const response = await handler(request);
    if (isSlowAfter) await wait(slowMsMax);
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
  if (body?.kind === 'stream') {
    const late: Body = {
      kind: 'stream',
      start: (sink) => body.start(lateSink(sink, new LateLine(sink, options))),
    };
    return { ...response, body: late };
  }
  if (body?.kind === 'events') {
    const late: Body = {
      kind: 'events',
      start: (sink) => body.start(lateObjects(sink, new LateLine(sink, options))),
    };
    return { ...response, body: late };
  }
  return response;
}

/** Passes everything on later, in order, and breaks by chance. */
class LateLine {
  readonly #sink: Pick<ByteSink, 'end' | 'abort'>;
  readonly #options: LineOptions;
  /** When the last piece will arrive: nothing overtakes it. */
  #lastMs = 0;
  #broken = false;

  constructor(sink: Pick<ByteSink, 'end' | 'abort'>, options: LineOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** A piece of the watch; the line may break behind it. */
  piece(deliver: () => void): void {
    const { random, faults } = this.#options;
    this.#later(deliver);
    if (random.chance(faults().watchBreakRatio)) {
      this.#later(() => this.#sink.abort(new Error('injected: watch broken')));
      this.#broken = true;
    }
  }

  end(): void {
    this.#later(() => this.#sink.end());
  }

  abort(reason: Error): void {
    this.#later(() => this.#sink.abort(reason));
  }

  #later(action: () => void): void {
    if (this.#broken) return;
    const { environment, random, faults } = this.#options;
    const { watchDelayMsMax, watchStallRatio, watchStallMsMax } = faults();
    const nowMs = environment.clock.monotonicMs();
    const isStalled = watchStallRatio > 0 && random.chance(watchStallRatio);
    const limitMs = isStalled ? watchStallMsMax : watchDelayMsMax;
    const delayMs = limitMs === 0 ? 0 : random.below(limitMs);
    this.#lastMs = Math.max(this.#lastMs, nowMs + delayMs);
    environment.timers.after(this.#lastMs - nowMs, action);
  }
}

function lateSink(sink: ByteSink, line: LateLine): ByteSink {
  return {
    write(bytes) {
      line.piece(() => sink.write(bytes));
      return true;
    },
    end: () => line.end(),
    abort: (reason) => line.abort(reason),
    onDrain: (callback) => sink.onDrain(callback),
    onClose: (callback) => sink.onClose(callback),
  };
}

function lateObjects(sink: ObjectSink, line: LateLine): ObjectSink {
  return {
    events: (batch) => line.piece(() => sink.events(batch)),
    end: () => line.end(),
    abort: (reason) => line.abort(reason),
    onClose: (callback) => sink.onClose(callback),
  };
}
