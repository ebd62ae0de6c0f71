/** Warnings for the client as headers (RFC 7234, 5.5; KEP-1693). */
import { errorResponse, withHeaders } from '../respond.ts';
import { StatusError } from '#api/meta/status.ts';
import type { Filter } from './filter.ts';

/** All warnings of one answer together; beyond it each is cut short, and the rest is not told. */
const TOTAL_MAX_CHARACTERS = 4096;
const ITEM_MAX_CHARACTERS = 256;

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
  return { warning: warningHeader(warnings) };
}

export function warningHeader(warnings: readonly string[]): string {
  return fitting(warnings).map(headerItem).join(', ');
}

function headerItem(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/[\\"]/g, '\\$&');
  return `299 - "${clean}"`;
}

/** As they are when they fit together; else each cut short, as many as it takes to pass the limit. */
function fitting(warnings: readonly string[]): readonly string[] {
  const characters = warnings.map((text) => Array.from(text));
  let total = 0;
  const end = characters.findIndex(({ length }) => (total += length) > TOTAL_MAX_CHARACTERS);
  if (end === -1) return warnings;
  const cut = characters.map((text) => text.slice(0, ITEM_MAX_CHARACTERS));
  let written = 0;
  // What was there when the limit was met is told in any case.
  const told = cut.filter((text, i) => {
    if (i > end && written >= TOTAL_MAX_CHARACTERS) return false;
    written += text.length;
    return true;
  });
  return told.map((text) => text.join(''));
}
