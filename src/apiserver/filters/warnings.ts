/** Warnings for the client as headers (RFC 7234, 5.5; KEP-1693). */
import { errorResponse, withHeaders } from '../respond.ts';
import { StatusError } from '#api/meta/status.ts';
import type { Filter } from './filter.ts';

/** All warnings of one answer together. */
const HEADER_MAX_BYTES = 4096;

export function warningFilter(): Filter {
  return {
    name: 'warnings',
    async handle(context, next) {
      try {
        const response = await next();
        return context.warnings.length === 0
          ? response
          : withHeaders(response, headerOf(context.warnings));
      } catch (error) {
        if (!(error instanceof StatusError) || context.warnings.length === 0) throw error;
        return withHeaders(errorResponse(error, context), headerOf(context.warnings));
      }
    },
  };
}

function headerOf(warnings: readonly string[]): { warning: string } {
  const parts: string[] = [];
  let size = 0;
  for (const text of warnings) {
    const clean = text.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/[\\"]/g, '\\$&');
    const part = `299 - "${clean}"`;
    size += part.length + 2;
    if (size > HEADER_MAX_BYTES) break;
    parts.push(part);
  }
  return { warning: parts.join(', ') };
}
