/** Lets through what the authorizers allow; upstream's 403 for the rest, 401 for the nameless. */
import { whenThere } from '#base/eventual.ts';
import { attributesFor, type Authorizer, refusal } from '../authz/authorizer.ts';
import type { Filter } from './filter.ts';

export function authorizationFilter(authorize: Authorizer): Filter {
  return {
    name: 'authorization',
    handle(context, next) {
      const attributes = attributesFor(context.user, context.info);
      return whenThere(authorize(attributes, context.signal), ({ outcome, reason }) => {
        if (outcome === 'allow') return next();
        throw refusal(attributes, reason);
      });
    },
  };
}
