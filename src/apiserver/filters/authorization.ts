/** Lets through what the authorizers allow; upstream's 403 for the rest, 401 for the nameless. */
import { whenThere } from '#base/eventual.ts';
import { tookMs } from '../audit/latency.ts';
import { attributesFor, type Authorizer, type Decision, refusal } from '../authz/authorizer.ts';
import type { AccessMetrics, AuthorizationResult } from '../metrics/access-metrics.ts';
import { textResponse, withHeaders } from '../respond.ts';
import type { Filter } from './filter.ts';

const DECISION = 'authorization.k8s.io/decision';
const REASON = 'authorization.k8s.io/reason';
const NO_SNIFF = { 'x-content-type-options': 'nosniff' };

export function authorizationFilter(authorize: Authorizer, metrics: AccessMetrics): Filter {
  return {
    name: 'authorization',
    handle(context, next) {
      const attributes = attributesFor(context.user, context.info);
      const { audit, environment } = context;
      const beganMs = environment.clock.monotonicMs();
      return whenThere(authorize(attributes, context.signal), (decision) => {
        const { reason, error } = decision;
        const ms = environment.clock.monotonicMs() - beganMs;
        metrics.authorized(resultOf(decision), ms);
        const isAllowed = decision.outcome === 'allow';
        const failed = isAllowed ? undefined : error;
        if (audit !== undefined) {
          tookMs(context, 'authorization', ms);
          if (failed === undefined) context.annotate(DECISION, isAllowed ? 'allow' : 'forbid');
          context.annotate(REASON, failed === undefined ? reason : 'internal error');
        }
        if (failed !== undefined) {
          const text = `Internal Server Error: ${JSON.stringify(context.request.url)}: ${failed}\n`;
          return Promise.resolve(withHeaders(textResponse(500, escaped(text)), NO_SNIFF));
        }
        if (isAllowed) return next();
        throw refusal(attributes, reason);
      });
    },
  };
}

function resultOf({ outcome, error }: Decision): AuthorizationResult {
  if (outcome === 'allow') return 'allowed';
  if (error !== undefined) return 'error';
  return outcome === 'deny' ? 'denied' : 'no-opinion';
}

/** Nothing that a browser would take for HTML. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
