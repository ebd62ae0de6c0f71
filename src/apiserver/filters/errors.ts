/** The outermost filter: an audit id for each answer, and a Status for each error. */
import { StatusError } from '#api/meta/status.ts';
import { stackOf } from '#base/error.ts';
import { errorResponse, withHeaders } from '../respond.ts';
import type { Filter } from './filter.ts';

/** Of an id that the client chose, as upstream's logs have it. */
const AUDIT_ID_SHOWN = 64;

const LAST = { connection: 'close' };

export function errorFilter(): Filter {
  return {
    name: 'errors',
    async handle(context, next) {
      const { auditId } = context;
      try {
        const response = await next();
        const cacheControl = response.headers['cache-control'] ?? 'no-cache, private';
        return withHeaders(response, {
          ...context.answerHeaders,
          ...(context.isLast ? LAST : {}),
          'audit-id': auditId,
          'cache-control': cacheControl,
        });
      } catch (error) {
        if (!(error instanceof StatusError)) {
          context.environment.log.error('request failed', {
            method: context.request.method,
            path: context.info.path,
            auditId: auditId.slice(0, AUDIT_ID_SHOWN),
            error: stackOf(error),
          });
        }
        return withHeaders(errorResponse(error, context), {
          ...context.answerHeaders,
          ...(context.isLast ? LAST : {}),
          'audit-id': auditId,
          'cache-control': 'no-cache, private',
        });
      }
    },
  };
}
