/**
 * Lets requests run when their priority level has seats for them; the others wait in its queues, and
 * those that wait too long, or find no place to wait, are refused (429).
 *
 * Watches hold their seats until they are answered, other long requests none.
 *
 * Components of this process wait however many wait, as long as the request may take: a refusal would
 * make them come back a second later, when their turn may long have come, and they cannot flood a
 * server that they run in.
 *
 * Source: KEP-1040; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/server/filters/priority-and-fairness.go.
 */
import type { HttpResponse } from '#base/http/message.ts';
import { type StatusError, tooManyRequests } from '#api/meta/status.ts';
import { tookMs } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import type { FlowControl } from '../flow-control/flow-control.ts';
import type { Schema } from '../flow-control/levels.ts';
import type { Ticket } from '../flow-control/queue.ts';
import { requestKindOf } from '../metrics/current-requests.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type { Filter, Next } from './filter.ts';
import { isLongRunning } from './long-running.ts';
import { requestLimitMs } from './timeout.ts';

/** No request waits longer for a seat. */
const WAIT_MAX_MS = 60_000;
/** The part of its time that a request may wait. */
const WAIT_SHARE = 1 / 4;

export interface FlowControlServices {
  readonly control: FlowControl;
  readonly requestTimeoutMs: number;
  readonly metrics: ServerMetrics;
}

export function flowControlFilter(services: FlowControlServices): Filter {
  const { control } = services;
  return {
    name: 'flow-control',
    handle(context, next) {
      const { info, user } = context;
      if (isLongRunning(info) && info.verb !== 'watch') return next();
      const schema = control.schemaOf(user, info);
      context.answerHeaders = schema.headers;
      const isPatient = context.request.peer?.component !== undefined;
      const ticket = control.enter(schema, user, info, isPatient);
      if (ticket === undefined) {
        control.metrics.waited(schema.counts, false, 0);
        throw refused(services, context, schema);
      }
      if (ticket.startedMs === undefined)
        return afterWaiting(services, { context, schema, ticket, isPatient }, next);
      if (!schema.level.isExempt) control.metrics.waited(schema.counts, true, 0);
      return run(control, { context, schema, ticket }, next);
    },
  };
}

interface Admitted {
  readonly context: RequestContext;
  readonly schema: Schema;
  readonly ticket: Ticket;
}

async function run(
  control: FlowControl,
  { context, schema, ticket }: Admitted,
  next: Next,
): Promise<HttpResponse> {
  const { startedMs = 0 } = ticket;
  const executing = control.current.executing[requestKindOf(context.info.verb)];
  executing.add(1, startedMs);
  try {
    return await next();
  } finally {
    const nowMs = context.environment.clock.monotonicMs();
    const ms = nowMs - startedMs;
    executing.add(-1, nowMs);
    schema.level.queues.finish(ticket);
    const type = context.info.verb === 'watch' ? 'watch' : 'regular';
    control.metrics.ran(schema.counts, type, ms);
  }
}

async function afterWaiting(
  services: FlowControlServices,
  waiting: Admitted & { readonly isPatient: boolean },
  next: Next,
): Promise<HttpResponse> {
  const { control, requestTimeoutMs } = services;
  const { context, schema, ticket, isPatient } = waiting;
  const { clock } = context.environment;
  const limitMs = isLongRunning(context.info)
    ? requestTimeoutMs
    : requestLimitMs(context.info.query, requestTimeoutMs);
  const inQueues = control.current.waiting[requestKindOf(context.info.verb)];
  inQueues.add(1, ticket.arrivedMs);
  const runs = await started(
    waiting,
    isPatient ? limitMs : Math.min(limitMs * WAIT_SHARE, WAIT_MAX_MS),
    () => inQueues.add(-1, ticket.startedMs ?? clock.monotonicMs()),
  );
  const waitedMs = clock.monotonicMs() - ticket.arrivedMs;
  control.metrics.waited(schema.counts, runs, waitedMs);
  tookMs(context, 'apf-queue-wait', waitedMs);
  if (!runs) throw refused(services, context, schema);
  return run(control, waiting, next);
}

/**
 * Resolves with true when the request may run, with false when it has given up. `onEnd` is called
 * then and there, and not a turn later.
 */
function started(
  { context, schema, ticket }: Admitted,
  limitMs: number,
  onEnd: () => void,
): Promise<boolean> {
  const { signal } = context;
  return new Promise((resolve) => {
    const end = (runs: boolean): void => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      onEnd();
      resolve(runs);
    };
    const giveUp = (reason: 'time-out' | 'cancelled'): void => {
      schema.level.queues.leave(ticket, reason);
      end(false);
    };
    const abort = (): void => giveUp('cancelled');
    const timer = context.environment.timers.after(limitMs, () => giveUp('time-out'));
    ticket.onStart = () => end(true);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort);
  });
}

function refused(
  { metrics }: FlowControlServices,
  { info, request }: RequestContext,
  { level }: Schema,
): StatusError {
  const retryAfterSeconds = level.dropped.record();
  metrics.terminated(429, info, request.method);
  return tooManyRequests('Too many requests, please try again later.', retryAfterSeconds);
}
