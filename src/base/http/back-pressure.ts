/** What streams over one socket have in common. */
import type { Duplex } from 'node:stream';

/** Resolves when the socket takes more, or has ended. */
export function drained(socket: Duplex): Promise<void> {
  if (!socket.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', () => resolve());
  });
}
