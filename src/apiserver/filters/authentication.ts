/** Finds out who sends the request. */
import type { Auditor } from '../audit/auditor.ts';
import { tookMs } from '../audit/latency.ts';
import { NobodyError } from '../authn/authenticator.ts';
import { ANONYMOUS, type RequestContext, type User } from '../context.ts';
import type { AccessMetrics } from '../metrics/access-metrics.ts';
import type { Filter } from './filter.ts';

export interface AuthenticationServices {
  authenticate(context: RequestContext): Promise<User>;
  /**
   * The gate UnauthenticatedHTTP2DOSMitigation: who is nobody gets one answer on a connection of
   * HTTP/2, which can ask for more at a time than it costs to ask (CVE-2023-44487).
   */
  readonly dismissesAnonymous: boolean;
  readonly auditor: Auditor | undefined;
}

export function authenticationFilter(
  services: AuthenticationServices,
  metrics: AccessMetrics,
): Filter {
  const { auditor, dismissesAnonymous } = services;
  return {
    name: 'authentication',
    async handle(context, next) {
      const isDismissed = dismissesAnonymous && context.request.peer?.isMultiplexed === true;
      const { clock } = context.environment;
      const beganMs = clock.monotonicMs();
      try {
        context.user = await services.authenticate(context);
        const ms = clock.monotonicMs() - beganMs;
        tookMs(context, 'authentication', ms);
        metrics.authenticated(context.user.name, ms);
        context.isLast = isDismissed && context.user.name === ANONYMOUS.name;
      } catch (error) {
        const ms = clock.monotonicMs() - beganMs;
        tookMs(context, 'authentication', ms);
        metrics.notAuthenticated(error instanceof NobodyError ? 'failure' : 'error', ms);
        context.isLast = isDismissed;
        await auditor?.refused(context, error);
        throw error;
      }
      return next();
    },
  };
}
