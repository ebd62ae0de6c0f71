/**
 * Token cleaner: deletes bootstrap tokens when their time is over.
 *
 * Upstream: pkg/controller/bootstrap/tokencleaner.go, v1.36.
 */
import { SECRET } from '#api/core/secret.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { splitKey } from '#client/informer.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { BOOTSTRAP_TOKENS, remainingMs } from '#api/core/bootstrap-token.ts';

export const tokenCleaner: Controller = defineKeyController({
  name: 'token-cleaner',
  queue: 'token_cleaner',
  create: (setup) => {
    const secrets = setup.watch(SECRET, ({ key }) => [key], BOOTSTRAP_TOKENS);
    return async (key, { client }) => {
      const secret = secrets.get(key);
      const leftMs = secret && remainingMs(secret, setup.environment.clock.now());
      if (leftMs === undefined) return {};
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { uid } = secret?.metadata ?? {};
      const preconditions = uid === undefined ? {} : { uid };
      try {
        await client.delete(SECRET, splitKey(key), { preconditions });
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
      return {};
    };
  },
});
