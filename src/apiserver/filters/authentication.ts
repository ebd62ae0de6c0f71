/** Finds out who sends the request. */
import type { Auditor } from '../audit/auditor.ts';
import { timed } from '../audit/latency.ts';
import type { RequestContext, User } from '../context.ts';
import type { Filter } from './filter.ts';

export function authenticationFilter(
  authenticate: (context: RequestContext) => Promise<User>,
  auditor?: Auditor,
): Filter {
  return {
    name: 'authentication',
    async handle(context, next) {
      try {
        context.user = await timed(context, 'authentication', () => authenticate(context));
      } catch (error) {
        await auditor?.refused(context, error);
        throw error;
      }
      return next();
    },
  };
}
