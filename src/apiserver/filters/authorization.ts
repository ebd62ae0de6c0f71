/** Lets through what the authorizers allow; upstream's 403 for the rest, 401 for the nameless. */
import { whenThere } from '#base/eventual.ts';
import { attributesFor, type Authorizer, refusal } from '../authz/authorizer.ts';
import { textResponse, withHeaders } from '../respond.ts';
import type { Filter } from './filter.ts';

const DECISION = 'authorization.k8s.io/decision';
const REASON = 'authorization.k8s.io/reason';
const NO_SNIFF = { 'x-content-type-options': 'nosniff' };

export function authorizationFilter(authorize: Authorizer): Filter {
  return {
    name: 'authorization',
    handle(context, next) {
      const attributes = attributesFor(context.user, context.info);
      return whenThere(authorize(attributes, context.signal), ({ outcome, reason, error }) => {
        if (outcome !== 'allow' && error !== undefined) {
          context.annotate(REASON, 'internal error');
          const text = `Internal Server Error: ${JSON.stringify(context.request.url)}: ${error}\n`;
          return Promise.resolve(withHeaders(textResponse(500, escaped(text)), NO_SNIFF));
        }
        context.annotate(DECISION, outcome === 'allow' ? 'allow' : 'forbid');
        context.annotate(REASON, reason);
        if (outcome === 'allow') return next();
        throw refusal(attributes, reason);
      });
    },
  };
}

/** Nothing that a browser would take for HTML. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
