/**
 * One world: a fresh API server in virtual time, and requests one after the other. It says what was
 * wrong with an answer, or that none came.
 */
import type { HttpRequest, HttpResponse } from '#base/http/message.ts';
import { TestApiServer } from '#kit/api-server.ts';
import type { FuzzRequest } from './request.ts';

const ADMIN = { name: 'admin', groups: ['system:masters'] };
/** Virtual. Upstream's own limit for a request is a minute. */
const ANSWER_MAX_MS = 120_000;
/** Real processor time of one request, as often as it is tried: what a collector does counts too. */
const CPU_MAX_MS = 100;
const CPU_TRIES = 3;
const MICROSECONDS_PER_MS = 1000;

export interface WorldOptions {
  readonly seed: number;
  /** Each answer has to cost less than 100 ms of processor time. */
  readonly boundsCpu?: boolean;
}

export interface Failure {
  /** Which request. */
  readonly index: number;
  readonly problem: string;
}

export interface Outcome {
  readonly failure?: Failure;
  /** How often each status code was the answer. */
  readonly codes: ReadonlyMap<number, number>;
}

/** Answers the first thing that went wrong. */
export async function runWorld(
  requests: readonly FuzzRequest[],
  options: WorldOptions,
): Promise<Outcome> {
  const world = await World.start(options);
  const codes = new Map<number, number>();
  try {
    for (const [index, request] of requests.entries()) {
      const { problem, status } = await world.check(request);
      codes.set(status, (codes.get(status) ?? 0) + 1);
      if (problem !== undefined) return { failure: { index, problem }, codes };
    }
  } finally {
    await world.stop();
  }
  return { codes };
}

class World {
  readonly #server: TestApiServer;
  readonly #options: WorldOptions;
  /** What the answers said last of each object, by its URL. */
  readonly #seen = new Map<string, { version: string; uid: string }>();
  #rejections: unknown[] = [];
  readonly #onRejection = (error: unknown): void => {
    this.#rejections.push(error);
  };

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(await TestApiServer.start(), options);
    process.on('unhandledRejection', world.#onRejection);
    await world.#server.must('POST /api/v1/namespaces', { metadata: { name: 'fuzz' } });
    return world;
  }

  private constructor(server: TestApiServer, options: WorldOptions) {
    this.#server = server;
    this.#options = options;
  }

  async stop(): Promise<void> {
    await this.#server.environment.resolve(this.#server.server.stop());
    process.off('unhandledRejection', this.#onRejection);
  }

  async check(request: FuzzRequest): Promise<{ problem?: string; status: number }> {
    const logged = this.#server.environment.lines('error').length;
    try {
      const { status, text, cpuMs } = await this.#ask(request);
      const problem = this.#problemOf(request, { status, text, logged });
      if (problem !== undefined) return { problem, status };
      return this.#options.boundsCpu === true && cpuMs > CPU_MAX_MS
        ? await this.#checkCpu(request, status)
        : { status };
    } catch (error) {
      return { problem: error instanceof Error ? (error.stack ?? '') : String(error), status: 0 };
    }
  }

  /** The machine may have been slow once. */
  async #checkCpu(request: FuzzRequest, status: number) {
    const times: number[] = [];
    for (let tries = 0; tries < CPU_TRIES; tries++) times.push((await this.#ask(request)).cpuMs);
    const leastMs = Math.min(...times);
    return leastMs > CPU_MAX_MS
      ? { status, problem: `took ${leastMs.toFixed(0)} ms of processor time` }
      : { status };
  }

  async #ask(request: FuzzRequest) {
    const { environment, server } = this.#server;
    const before = process.cpuUsage();
    const gone = new AbortController();
    const response = await environment.resolve(
      server.handler(this.#message(request, gone.signal)),
      ANSWER_MAX_MS,
    );
    const { user, system } = process.cpuUsage(before);
    const reading = readAll(response);
    // One who goes away leaves nothing that is owed.
    if (response.body?.kind === 'stream') await environment.advance(request.abortAfterMs ?? 0);
    gone.abort();
    const text = await environment.resolve(reading, ANSWER_MAX_MS);
    this.#remember(request, text);
    return { status: response.status, text, cpuMs: (user + system) / MICROSECONDS_PER_MS };
  }

  #message({ method, url, headers, body }: FuzzRequest, signal: AbortSignal): HttpRequest {
    return {
      method,
      url,
      headers,
      signal,
      peer: { component: ADMIN },
      ...(body === undefined || body.length === 0 ? {} : { body: this.#filled(url, body) }),
    };
  }

  #filled(url: string, body: Uint8Array): Uint8Array {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (bytes.indexOf('@version') < 0 && bytes.indexOf('@uid') < 0) return bytes;
    const { version = '', uid = '' } = this.#seen.get(objectOf(url)) ?? {};
    const text = bytes.toString('latin1').replaceAll('@version', version).replaceAll('@uid', uid);
    return Buffer.from(text, 'latin1');
  }

  #remember({ url }: FuzzRequest, text: string): void {
    const version = /"resourceVersion":"(\d+)"/.exec(text)?.[1];
    const uid = /"uid":"([^"]+)"/.exec(text)?.[1];
    if (version !== undefined && uid !== undefined) this.#seen.set(objectOf(url), { version, uid });
  }

  #problemOf(
    { expected }: FuzzRequest,
    { status, text, logged }: { status: number; text: string; logged: number },
  ): string | undefined {
    const [rejection] = this.#rejections.splice(0);
    if (rejection !== undefined)
      return `unhandled rejection: ${rejection instanceof Error ? (rejection.stack ?? '') : JSON.stringify(rejection)}`;
    const errors = this.#server.environment.lines('error').slice(logged);
    if (errors.length > 0) return `logged an error: ${JSON.stringify(errors)}`;
    const isExpected = expected?.includes(status) === true;
    if (status >= 500 && !isExpected && !DOCUMENTED.includes(status))
      return `answered ${status}: ${text}`;
    if (status < 200) return `answered ${status}`;
    if (expected !== undefined && !isExpected)
      return `answered ${status} where upstream answers ${expected.join(' or ')}: ${text.slice(0, 500)}`;
    return undefined;
  }
}

/**
 * 503 and 504 are the server's to give. A 500 is upstream's own answer to patches and bindings that
 * it can make no sense of, and thrown as such; one that nobody meant is in the log as an error, and
 * found there.
 */
const DOCUMENTED: readonly number[] = [500, 503, 504];

/** The URL of the object that a request is about: without query and subresource. */
function objectOf(url: string): string {
  const [path = ''] = url.split('?');
  return path.split('/').slice(0, 8).join('/');
}

/** All of a body as text; of a stream, what comes until it ends or is aborted. */
function readAll({ body }: HttpResponse): Promise<string> {
  if (body === undefined || body.kind === 'object' || body.kind === 'events')
    return Promise.resolve('');
  if (body.kind === 'bytes') return Promise.resolve(Buffer.from(body.bytes).toString());
  if (body.kind === 'pieces') return Promise.resolve(Buffer.concat([...body.pieces]).toString());
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    const end = (): void => resolve(Buffer.concat(chunks).toString());
    body.start({
      write: (bytes) => chunks.push(bytes) > 0,
      end,
      abort: end,
      onDrain: () => {},
      onClose: () => {},
    });
  });
}
