/** GET /containerLogs/{namespace}/{pod}/{container}: the log of a container, as it grows. */
import type { ByteSink, HttpRequest, HttpResponse } from '#base/http/message.ts';
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { errorOf, messageOf } from '#base/error.ts';
import type { ServedPods } from './served-pods.ts';
import { type LogOptions, type LogSource, readLog } from './log-reader.ts';
import { logTarget } from './log-target.ts';
import { textResponse } from './responses.ts';

/** Should a change of the file go untold, it is seen after this. */
const LOOK_MS = 2000;
/** A log that has not grown for so long after its container's end is whole. */
const SETTLE_MS = 250;

export interface LogServices {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly pods: ServedPods;
}

export function serveContainerLogs(
  request: HttpRequest,
  pod: Pod,
  container: string,
  services: LogServices,
): HttpResponse {
  const query = new URL(request.url, 'http://kubelet').searchParams;
  const { pods, fileSystem, environment } = services;
  let options: LogOptions;
  let source: LogSource;
  try {
    options = logOptions(query, environment.clock.now());
    const id = logTarget({
      podName: pod.metadata?.name ?? '',
      status: pods.statusOf(pod),
      container,
      previous: query.get('previous') === 'true',
    });
    const uid = pod.metadata?.uid ?? '';
    const find = () => pods.observed(uid).containers.find((one) => one.id === id);
    source = {
      fileSystem,
      path: find()?.logPath ?? '',
      isAlive: () => find()?.state === 'running',
      changed: (signal) => changed({ services, uid, path: source.path }, signal),
      settled: (signal) => sleep(environment, SETTLE_MS, signal),
    };
  } catch (error) {
    return textResponse(400, messageOf(error));
  }
  return {
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: {
      kind: 'stream',
      start: (sink) => stream({ source, options, sink, request, environment }),
    },
  };
}

function stream(job: {
  readonly source: LogSource;
  readonly options: LogOptions;
  readonly sink: ByteSink;
  readonly request: HttpRequest;
  readonly environment: Environment;
}): void {
  const { source, options, sink, request } = job;
  const closed = new AbortController();
  sink.onClose(() => closed.abort());
  request.signal?.addEventListener('abort', () => closed.abort());
  let drained: (() => void) | undefined;
  sink.onDrain(() => drained?.());
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (sink.write(bytes) || closed.signal.aborted) return;
    await new Promise<void>((resolve) => {
      drained = resolve;
      closed.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  };
  readLog(source, options, write, closed.signal).then(
    () => sink.end(),
    (error: unknown) => sink.abort(errorOf(error)),
  );
}

async function changed(
  { services, uid, path }: { services: LogServices; uid: string; path: string },
  signal: AbortSignal,
): Promise<void> {
  const { environment, fileSystem, pods } = services;
  const limit = timeoutSignal(environment, LOOK_MS, signal);
  const { promise, resolve } = Promise.withResolvers<void>();
  limit.signal.addEventListener('abort', () => resolve(), { once: true });
  const stopPod = pods.onChange(uid, resolve);
  // The directory, for the file itself is replaced now and then.
  const watch = fileSystem.watch(path.slice(0, path.lastIndexOf('/')), resolve);
  await promise;
  watch.close();
  stopPod();
  limit.release();
}

/** Throws an Error for a value that is none. */
export function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const count = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    if (!/^[0-9]+$/.test(text))
      throw new Error(`unable to parse ${name} "${text}": invalid syntax`);
    return Number(text);
  };
  const tailLines = count('tailLines');
  const limitBytes = count('limitBytes');
  const sinceMs = sinceOf(count('sinceSeconds'), query.get('sinceTime'), nowMs);
  const stream = query.get('stream')?.toLowerCase();
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(stream === 'stdout' || stream === 'stderr' ? { stream } : {}),
  };
}

function sinceOf(
  seconds: number | undefined,
  time: string | null,
  nowMs: number,
): number | undefined {
  if (seconds !== undefined) return nowMs - seconds * 1000;
  if (time === null || time === '') return undefined;
  const parsed = Date.parse(time);
  if (Number.isNaN(parsed)) throw new Error(`unable to parse sinceTime "${time}"`);
  return parsed;
}
