/** Whether an API server is ready, and requests that wait until it is. */
import { type Environment, sleep } from '#base/env.ts';
import { type Handler, readBody } from '#base/http/message.ts';

const LOOK_MS = 50;
/** Then requests go, come what may: who asks may not be allowed to know whether it is ready. */
const WAIT_MS_MAX = 30_000;

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

/**
 * For who begins beside an API server that begins too: one that refuses everything at first would
 * have them come back later and later. Resolves once it is ready, 30 s later at the latest, or when
 * `signal` is aborted.
 */
export async function firstReady(
  handler: Handler,
  environment: Pick<Environment, 'timers' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = environment;
  const untilMs = clock.monotonicMs() + WAIT_MS_MAX;
  while (!signal.aborted && clock.monotonicMs() < untilMs) {
    if (await isReady(handler, signal)) return;
    await sleep(environment, LOOK_MS, signal);
  }
}

/** Sends nothing before `ready` is resolved; a request that is given up meanwhile is not sent. */
export function after(ready: Promise<void>, handler: Handler): Handler {
  return async (request) => {
    await ready;
    request.signal?.throwIfAborted();
    return handler(request);
  };
}
