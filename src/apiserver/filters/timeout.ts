/** Answers 504 when a request takes longer than the server allows (upstream: 60 s). */
import type { HttpResponse } from '#base/http/message.ts';
import { DurationError, parseDuration } from '#api/codec/duration.ts';
import { badRequest, timeout } from '#api/meta/status.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { Filter } from './filter.ts';
import { isLongRunning } from './long-running.ts';

export function timeoutFilter(limitMs: number, auditor?: Auditor): Filter {
  return {
    name: 'timeout',
    async handle(context, next) {
      if (isLongRunning(context.info)) return next();
      let ms: number;
      try {
        ms = requestLimitMs(context.info.query, limitMs);
      } catch (error) {
        await auditor?.refused(context, error);
        throw error;
      }
      return new Promise<HttpResponse>((resolve, reject) => {
        const timer = context.environment.timers.after(ms, () => {
          reject(timeout('request did not complete within the allotted timeout', 0));
        });
        next()
          .then(resolve, reject)
          .finally(() => timer.cancel());
      });
    },
  };
}

/**
 * What `?timeout=` asks for, at most what the server allows. Throws 400.
 * Upstream: endpoints/filters/request_deadline.go.
 */
export function requestLimitMs(query: URLSearchParams, limitMs: number): number {
  const asked = query.get('timeout') ?? '';
  if (asked === '') return limitMs;
  const nanoseconds = nanosecondsOf(asked);
  if (nanoseconds === 0) return limitMs;
  return Math.min(nanoseconds / 1e6, limitMs);
}

function nanosecondsOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    const cause = `time: invalid duration ${JSON.stringify(text)}`;
    throw badRequest(`invalid timeout specified in the request URL - ${cause}`);
  }
}
