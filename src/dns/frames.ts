/** DNS messages over TCP: two bytes of length before each (RFC 1035, 4.2.2). */
import type { Duplex } from 'node:stream';

/** A message as TCP carries it. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(message.length + 2);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

/** Calls `onMessage` for each whole message that comes. Keeps at most one message and one read. */
export function readFrames(socket: Duplex, onMessage: (message: Uint8Array) => void): void {
  let kept: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    while (kept.length >= 2) {
      const end = 2 + kept.readUInt16BE(0);
      if (kept.length < end) return;
      onMessage(kept.subarray(2, end));
      kept = kept.subarray(end);
    }
  });
}
