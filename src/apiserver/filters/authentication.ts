/** Finds out who sends the request. */
import type { Auditor } from '../audit/auditor.ts';
import { timed } from '../audit/latency.ts';
import { ANONYMOUS, type RequestContext, type User } from '../context.ts';
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

export function authenticationFilter(services: AuthenticationServices): Filter {
  const { auditor, dismissesAnonymous } = services;
  return {
    name: 'authentication',
    async handle(context, next) {
      const isDismissed = dismissesAnonymous && context.request.peer?.isMultiplexed === true;
      try {
        context.user = await timed(context, 'authentication', () => services.authenticate(context));
        context.isLast = isDismissed && context.user.name === ANONYMOUS.name;
      } catch (error) {
        context.isLast = isDismissed;
        await auditor?.refused(context, error);
        throw error;
      }
      return next();
    },
  };
}
