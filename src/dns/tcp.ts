/** DNS over one TCP connection: queries in any number, answers as they are ready (RFC 7766). */
import type { Duplex } from 'node:stream';
import type { Environment } from '#base/env.ts';
import { frame, readFrames } from './frames.ts';

/** Queries of one connection under way; a client with more is cut off. */
const QUERIES_MAX = 100;
/** Answers that a client has not taken; a client with more is cut off. */
const UNREAD_BYTES_MAX = 1024 * 1024;
const IDLE_MS = 10_000;

/** Connections beyond the limit are closed at once. */
export interface TcpLimits {
  connections: number;
  readonly connectionsMax: number;
}

export interface TcpService {
  readonly environment: Environment;
  readonly connection: Duplex;
  readonly limits: TcpLimits;
  /** Undefined: no DNS is spoken here. */
  readonly resolve: (message: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array>;
}

/** Until the client closes, is silent for ten seconds, or asks for more than it may. */
export function serveConnection({ environment, connection, limits, resolve }: TcpService): void {
  if (limits.connections >= limits.connectionsMax) {
    connection.destroy();
    return;
  }
  limits.connections++;
  let underWay = 0;
  const { timers, log } = environment;
  const cutOff = (): void => {
    connection.destroy();
  };
  let idle = timers.after(IDLE_MS, cutOff);
  connection.on('error', cutOff);
  connection.on('close', () => {
    limits.connections--;
    idle.cancel();
  });
  const send = (bytes: Uint8Array | undefined): void => {
    if (bytes === undefined) return cutOff();
    if (connection.destroyed) return;
    connection.write(frame(bytes));
    if (connection.writableLength > UNREAD_BYTES_MAX) cutOff();
  };
  readFrames(connection, (message) => {
    if (connection.destroyed) return;
    idle.cancel();
    idle = timers.after(IDLE_MS, cutOff);
    const answer = resolve(message);
    if (!(answer instanceof Promise)) return send(answer);
    if (++underWay > QUERIES_MAX) return cutOff();
    answer
      .then(send)
      .catch((error: unknown) => {
        log.warn('cannot answer', { error: String(error) });
        cutOff();
      })
      .finally(() => {
        underWay--;
      });
  });
}
