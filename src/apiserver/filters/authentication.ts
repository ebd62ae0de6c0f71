/** Finds out who sends the request. */
import type { RequestContext, User } from '../context.ts';
import type { Filter } from './filter.ts';

export function authenticationFilter(
  authenticate: (context: RequestContext) => Promise<User>,
): Filter {
  return {
    name: 'authentication',
    async handle(context, next) {
      context.user = await authenticate(context);
      return next();
    },
  };
}
