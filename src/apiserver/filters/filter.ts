/**
 * Filters: what every request passes before a verb sees it, as a list in order.
 *
 * A filter answers itself or asks the next one. `order.ts` is the list, outermost first.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { RequestContext } from '../context.ts';

export type Next = () => Promise<HttpResponse>;

export interface Filter {
  readonly name: string;
  handle(context: RequestContext, next: Next): Promise<HttpResponse>;
}

/** One function out of a list of filters and what lies behind them. */
export function pipeline(
  filters: readonly Filter[],
  last: (context: RequestContext) => Promise<HttpResponse>,
): (context: RequestContext) => Promise<HttpResponse> {
  const run = (context: RequestContext, position: number): Promise<HttpResponse> => {
    const filter = filters[position];
    return filter === undefined
      ? last(context)
      : filter.handle(context, () => run(context, position + 1));
  };
  return (context) => run(context, 0);
}
