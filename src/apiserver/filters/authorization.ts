/** Lets through what the authorizers allow; upstream's 403 for the rest, 401 for the nameless. */
import type { HttpResponse } from '#base/http/message.ts';
import {
  attributesFor,
  type AuthorizationAttributes,
  type Authorizer,
  refusal,
} from '../authz/authorizer.ts';
import { tookMs } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import type { Filter, Next } from './filter.ts';

export function authorizationFilter(authorize: Authorizer): Filter {
  return {
    name: 'authorization',
    handle(context, next) {
      const attributes = attributesFor(context.user, context.info);
      if (context.audit === undefined) {
        const { outcome, reason } = authorize(attributes);
        if (outcome === 'allow') return next();
        throw refusal(attributes, reason);
      }
      return audited(context, next, attributes, authorize);
    },
  };
}

/** The same, with a word of it in the audit event. */
function audited(
  context: RequestContext,
  next: Next,
  attributes: AuthorizationAttributes,
  authorize: Authorizer,
): Promise<HttpResponse> {
  const { clock } = context.environment;
  const beganMs = clock.monotonicMs();
  const { outcome, reason } = authorize(attributes);
  tookMs(context, 'authorization', clock.monotonicMs() - beganMs);
  context.annotate('authorization.k8s.io/decision', outcome === 'allow' ? 'allow' : 'forbid');
  context.annotate('authorization.k8s.io/reason', reason);
  if (outcome === 'allow') return next();
  throw refusal(attributes, reason);
}
