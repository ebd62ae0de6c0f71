/**
 * gzip without the thread pool: slice after slice, in turns of the event loop.
 *
 * Each slice is deflated on its own and ends on a byte (a sync flush), so that the slices one after
 * another are one stream of deflate.
 *
 * Source: RFC 1951, 3.2.3 for the end of a stream; RFC 1952, 2.3 for what surrounds it.
 */
import { constants, crc32, deflateRawSync } from 'node:zlib';
import type { Turns } from './turns.ts';

const SLICE_BYTES = 128 * 1024;
/** Magic, deflate, no flags, no time, no level, unknown system. */
const HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** An empty block that is the last. */
const LAST_BLOCK = Buffer.from([0x03, 0x00]);

/** `pieces` as one gzip member. `level`: 1 (fast) to 9 (small). */
export async function gzipPieces(
  pieces: Iterable<Uint8Array>,
  { level, turns }: { readonly level: number; readonly turns: Turns },
): Promise<Uint8Array[]> {
  const made: Uint8Array[] = [HEAD];
  let crc = 0;
  let size = 0;
  for (const slice of slicesOf(pieces)) {
    if (turns.isLong()) await turns.next();
    crc = crc32(slice, crc);
    size += slice.length;
    made.push(deflateRawSync(slice, { level, finishFlush: constants.Z_SYNC_FLUSH }));
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc, 0);
  tail.writeUInt32LE(size % 2 ** 32, 4);
  return [...made, LAST_BLOCK, tail];
}

/** Small pieces are joined, large ones are cut. */
function* slicesOf(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += SLICE_BYTES) {
      const part = piece.subarray(at, at + SLICE_BYTES);
      waiting.push(part);
      size += part.length;
      if (size < SLICE_BYTES) continue;
      yield waiting.length === 1 ? part : Buffer.concat(waiting, size);
      waiting = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(waiting, size);
}
