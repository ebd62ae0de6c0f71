/** Waiting for an object that is about to appear, by the cache's own events. */
import type { Environment } from '#base/env.ts';
import type { WatchHub } from '../watch-cache/hub.ts';

/**
 * What `find` answers once that is not undefined: now, or after a change of the caches within
 * `limitMs`. Undefined when the time is over.
 */
export function whenFound<T>(
  services: {
    readonly environment: Environment;
    readonly registry: { readonly hub: Pick<WatchHub, 'onRevision'> };
  },
  limitMs: number,
  find: () => T | undefined,
): Promise<T | undefined> {
  const now = find();
  if (now !== undefined) return Promise.resolve(now);
  return new Promise((resolve) => {
    const finish = (found: T | undefined): void => {
      timer.cancel();
      stop();
      resolve(found);
    };
    const timer = services.environment.timers.after(limitMs, () => finish(undefined));
    const stop = services.registry.hub.onRevision(() => {
      const found = find();
      if (found !== undefined) finish(found);
    });
  });
}
