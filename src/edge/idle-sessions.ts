/** HTTP/2 connections on which nothing is asked: they end, whatever else is said on them. */
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** After its goodbye a client has so long to close its side. */
const GOODBYE_MS = 1000;

/**
 * Ends `session` when no stream has been open for `idleMs`. A connection with open streams is not
 * idle, however quiet they are: a watch may wait for days. Frames that open no stream (PING,
 * SETTINGS, the first half of a header block) do not count.
 */
export function closeWhenIdle(
  session: ServerHttp2Session,
  { socket, idleMs }: { readonly socket: Socket | undefined; readonly idleMs: number },
): void {
  let streams = 0;
  const end = (): void => {
    if (streams > 0) return;
    session.close();
    // Who does not read will not let the goodbye leave.
    const force = setTimeout(() => (socket ?? session).destroy(), GOODBYE_MS);
    (socket ?? session).once('close', () => clearTimeout(force));
  };
  const timer = setTimeout(end, idleMs);
  session.on('stream', (stream) => {
    streams++;
    stream.on('close', () => {
      streams--;
      if (streams === 0 && !session.destroyed) timer.refresh();
    });
  });
  session.on('close', () => clearTimeout(timer));
}
