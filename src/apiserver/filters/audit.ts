/**
 * Writes down requests that are audited, at each stage of their life.
 *
 * The answer waits until its event is written, where the backend says so: what a client has seen
 * answered is in the log, whatever becomes of this process then.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/filters/audit.go.
 */
import type { Duplex } from 'node:stream';
import type { Body, ByteSink, HttpResponse, ObjectSink } from '#base/http/message.ts';
import { messageOf } from '#base/error.ts';
import { internalError, StatusError } from '#api/meta/status.ts';
import type { Auditor } from '../audit/auditor.ts';
import { annotateLatency, measureLatencies } from '../audit/latency.ts';
import type { RequestAudit } from '../audit/record.ts';
import type { RequestContext } from '../context.ts';
import type { Filter, Next } from './filter.ts';
import { isLongRunning } from './long-running.ts';

/** Outermost: notes when a request came. */
export function auditInitFilter(): Filter {
  return {
    name: 'audit-init',
    handle(context, next) {
      const { clock } = context.environment;
      context.received = { nowMs: clock.now(), monotonicMs: clock.monotonicMs() };
      measureLatencies(context);
      return next();
    },
  };
}

export function auditFilter(auditor: Auditor): Filter {
  return {
    name: 'audit',
    async handle(context, next) {
      const request = auditor.begin(context);
      if (request === undefined) return next();
      context.audit = request;
      if (!(await auditor.record(request, 'RequestReceived'))) {
        auditor.metrics.rejected();
        throw internalError('failed to store audit event');
      }
      return isLongRunning(context.info)
        ? long(auditor, request, context, next)
        : short(auditor, request, context, next);
    },
  };
}

async function short(
  auditor: Auditor,
  request: RequestAudit,
  context: RequestContext,
  next: Next,
): Promise<HttpResponse> {
  try {
    const response = request.answered(await next());
    await complete(auditor, request, context);
    return response;
  } catch (error) {
    await failed(auditor, request, context, error);
    throw error;
  }
}

async function failed(
  auditor: Auditor,
  request: RequestAudit,
  context: RequestContext,
  error: unknown,
): Promise<void> {
  if (error instanceof StatusError) {
    request.failed(error.status);
    await complete(auditor, request, context);
    return;
  }
  request.broke(messageOf(error));
  await auditor.record(request, 'Panic');
}

async function complete(
  auditor: Auditor,
  request: RequestAudit,
  context: RequestContext,
): Promise<void> {
  annotateLatency(context, request.ageMs);
  await auditor.record(request, 'ResponseComplete');
}

/** The answer begins now, and is complete when its stream, or its connection, has ended. */
async function long(
  auditor: Auditor,
  request: RequestAudit,
  context: RequestContext,
  next: Next,
): Promise<HttpResponse> {
  let response: HttpResponse;
  try {
    response = request.answered(await next());
  } catch (error) {
    if (error instanceof StatusError) {
      request.failed(error.status);
      await auditor.record(request, 'ResponseStarted');
    }
    await failed(auditor, request, context, error);
    throw error;
  }
  await auditor.record(request, 'ResponseStarted');
  const { signal } = context;
  const end = once(() => {
    signal?.removeEventListener('abort', end);
    void complete(auditor, request, context);
  });
  const open = watched(response, end);
  if (open === undefined) {
    await complete(auditor, request, context);
    return response;
  }
  // A client that is gone before it is answered reads nothing.
  if (response.upgrade === undefined) signal?.addEventListener('abort', end);
  return open;
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}

/** The answer, with `end` called when it has ended; undefined when it is whole already. */
function watched(response: HttpResponse, end: () => void): HttpResponse | undefined {
  const { body, upgrade } = response;
  if (upgrade !== undefined)
    return {
      ...response,
      upgrade(socket: Duplex, head: Uint8Array) {
        socket.once('close', end);
        upgrade(socket, head);
      },
    };
  const open = body === undefined ? undefined : watchedBody(body, end);
  return open === undefined ? undefined : { ...response, body: open };
}

function watchedBody(body: Body, end: () => void): Body | undefined {
  switch (body.kind) {
    case 'stream':
      return {
        kind: 'stream',
        start(sink: ByteSink) {
          sink.onClose(end);
          body.start({
            write: (bytes) => sink.write(bytes),
            ...ending(sink, end),
            onDrain: (callback) => sink.onDrain(callback),
          });
        },
      };
    case 'events':
      return {
        kind: 'events',
        start(sink: ObjectSink) {
          sink.onClose(end);
          body.start({ events: (batch) => sink.events(batch), ...ending(sink, end) });
        },
      };
    default:
      return undefined;
  }
}

/** What both kinds of sinks have. */
function ending(sink: ByteSink | ObjectSink, end: () => void) {
  return {
    end() {
      end();
      sink.end();
    },
    abort(reason: Error) {
      end();
      sink.abort(reason);
    },
    onClose: (callback: () => void) => sink.onClose(callback),
  };
}
