/** DNS over one TCP connection: queries in any number, answers as they are ready (RFC 7766). */
import type { Duplex } from 'node:stream';
import type { Environment } from '#base/env.ts';
import type { Connections } from './connections.ts';
import { frame, readFrames } from './frames.ts';

/** Queries of one connection under way; a client with more is cut off. */
const QUERIES_MAX = 100;
/** Answers that a client has not taken; a client with more is cut off. */
const UNREAD_BYTES_MAX = 1024 * 1024;
const IDLE_MS = 10_000;

export interface TcpService {
  readonly environment: Environment;
  readonly connection: Duplex;
  /** All that are open: those that have no room there are closed at once. */
  readonly connections: Connections;
  /** Undefined: no DNS is spoken here. */
  readonly resolve: (message: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array>;
}

/** Until the client closes, is silent for ten seconds, or asks for more than it may. */
export function serveConnection(service: TcpService): void {
  const { environment, connection, connections, resolve } = service;
  let underWay = 0;
  const { timers, log } = environment;
  const cutOff = (): void => {
    connection.destroy();
  };
  const client = addressOf(connection);
  const open = {
    get isIdle() {
      return underWay === 0;
    },
    close: cutOff,
  };
  if (!connections.add(client, open)) return cutOff();
  let idle = timers.after(IDLE_MS, cutOff);
  connection.on('error', cutOff);
  connection.on('close', () => {
    connections.remove(client, open);
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
    connections.heard(client, open);
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

/** Of the other end, as a socket of the machine has it; empty where it has none. */
function addressOf(connection: Duplex & { readonly remoteAddress?: string | undefined }): string {
  return connection.remoteAddress ?? '';
}
