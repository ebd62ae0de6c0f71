/** Whether an API server is ready, and requests that wait until it is. */
import { type Environment, sleep } from '#base/env.ts';
import { type Handler, readBody } from '#base/http/message.ts';

const LOOK_MS = 20;

/** `handler`: to the API server. */
export async function isReady(handler: Handler, signal?: AbortSignal): Promise<boolean> {
  try {
    const response = await handler({
      method: 'GET',
      url: '/readyz',
      headers: {},
      ...(signal === undefined ? {} : { signal }),
    });
    await readBody(response.body);
    return response.status === 200;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

export interface ReadyWait {
  /** To the API server. */
  readonly handler: Handler;
  readonly environment: Pick<Environment, 'timers' | 'clock'>;
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** Whether it becomes ready in time; resolves as soon as that is known. */
export async function becomesReady(wait: ReadyWait): Promise<boolean> {
  const { handler, environment, waitMs, signal } = wait;
  const { clock } = environment;
  const untilMs = clock.monotonicMs() + waitMs;
  while (signal?.aborted !== true && clock.monotonicMs() < untilMs) {
    if (await isReady(handler, signal)) return true;
    await sleep(environment, LOOK_MS, signal);
  }
  return false;
}

/**
 * Sends nothing before `ready` is resolved; a request that is given up meanwhile is not sent. For who
 * begins beside an API server that begins too: where it refuses them at first, watches come back
 * later and later.
 */
export function after(ready: Promise<unknown>, handler: Handler): Handler {
  return async (request) => {
    await ready;
    request.signal?.throwIfAborted();
    return handler(request);
  };
}
