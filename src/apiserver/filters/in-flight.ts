/**
 * Limits on requests that run at a time: reads and writes apart, as upstream's
 * --max-requests-inflight and --max-mutating-requests-inflight. Watches, logs and other streams do
 * not count, and the cluster's own masters are never refused.
 */
import { tooManyRequests } from '#api/meta/status.ts';
import { MASTERS_GROUP } from '../context.ts';
import type { Filter } from './filter.ts';
import { isLongRunning } from './long-running.ts';

export interface InFlightLimits {
  readonly reads: number;
  readonly writes: number;
}

const READS = new Set(['get', 'list', 'head', 'options']);

export function inFlightFilter(limits: InFlightLimits): Filter {
  const running = { reads: 0, writes: 0 };
  return {
    name: 'in-flight',
    async handle(context, next) {
      if (isLongRunning(context.info)) return next();
      const kind = READS.has(context.info.verb) ? 'reads' : 'writes';
      if (running[kind] >= limits[kind] && !context.user.groups.includes(MASTERS_GROUP)) {
        throw tooManyRequests('Too many requests, please try again later.', 1);
      }
      running[kind] += 1;
      try {
        return await next();
      } finally {
        running[kind] -= 1;
      }
    },
  };
}
