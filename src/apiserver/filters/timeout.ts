/** Answers 504 when a request takes longer than the server allows (upstream: 60 s). */
import type { HttpResponse } from '#base/http/message.ts';
import { timeout } from '#api/meta/status.ts';
import type { Filter } from './filter.ts';
import { isLongRunning } from './long-running.ts';

export function timeoutFilter(limitMs: number): Filter {
  return {
    name: 'timeout',
    handle(context, next) {
      if (isLongRunning(context.info)) return next();
      return new Promise<HttpResponse>((resolve, reject) => {
        const timer = context.environment.timers.after(limitMs, () => {
          reject(timeout('request did not complete within the allotted timeout', 0));
        });
        next()
          .then(resolve, reject)
          .finally(() => timer.cancel());
      });
    },
  };
}
