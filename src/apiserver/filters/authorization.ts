/** Lets through what the authorizers allow; upstream's 403 for the rest, 401 for the nameless. */
import { forbidden, StatusError } from '#api/meta/status.ts';
import { attributesFor, type Authorizer, forbiddenMessage } from '../authz/authorizer.ts';
import type { Filter } from './filter.ts';

export function authorizationFilter(authorize: Authorizer): Filter {
  return {
    name: 'authorization',
    handle(context, next) {
      const attributes = attributesFor(context.user, context.info);
      const decision = authorize(attributes);
      if (decision.outcome === 'allow') return next();
      const message =
        forbiddenMessage(attributes) + (decision.reason === '' ? '' : `: ${decision.reason}`);
      const { info } = context;
      if (!info.isResourceRequest) {
        throw new StatusError({
          code: 403,
          reason: 'Forbidden',
          message: `forbidden: ${message}`,
          details: {},
        });
      }
      throw forbidden({ group: info.group, resource: info.resource }, info.name, message);
    },
  };
}
