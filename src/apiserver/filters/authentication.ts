/** Finds out who sends the request. */
import type { Auditor } from '../audit/auditor.ts';
import { tookMs } from '../audit/latency.ts';
import { NobodyError } from '../authn/authenticator.ts';
import type { RequestContext, User } from '../context.ts';
import type { AccessMetrics } from '../metrics/access-metrics.ts';
import type { Filter } from './filter.ts';

export function authenticationFilter(
  authenticate: (context: RequestContext) => Promise<User>,
  metrics: AccessMetrics,
  auditor?: Auditor,
): Filter {
  return {
    name: 'authentication',
    async handle(context, next) {
      const { clock } = context.environment;
      const beganMs = clock.monotonicMs();
      try {
        context.user = await authenticate(context);
        const ms = clock.monotonicMs() - beganMs;
        tookMs(context, 'authentication', ms);
        metrics.authenticated(context.user.name, ms);
      } catch (error) {
        const ms = clock.monotonicMs() - beganMs;
        tookMs(context, 'authentication', ms);
        metrics.notAuthenticated(error instanceof NobodyError ? 'failure' : 'error', ms);
        await auditor?.refused(context, error);
        throw error;
      }
      return next();
    },
  };
}
