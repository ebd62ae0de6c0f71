/** Watch events as bytes. Source: API concepts; protobuf frames are length-prefixed WatchEvents. */
import { encodeProtobuf } from '#api/codec/protobuf.ts';
import { typeByName } from '#api/schema/schema.ts';
import { type Entry, wireLength, writeWire } from '../watch-cache/entry.ts';

const MIDDLE = ',"object":';
const END = '}\n';

/** Encodings that an event can have: YAML has no stream. */
export type StreamEncoding = 'json' | 'protobuf';

/** `object`: the object's bytes in the same encoding (for protobuf: its envelope). */
export function frameOf(type: string, object: Uint8Array, encoding: StreamEncoding): Uint8Array {
  if (encoding === 'json') {
    const end = object.at(-1) === 0x0a ? object.length - 1 : object.length;
    return Buffer.concat([
      Buffer.from(`{"type":"${type}"${MIDDLE}`),
      object.subarray(0, end),
      Buffer.from(END),
    ]);
  }
  const event = encodeProtobuf(typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent'), {
    type,
    object: { raw: object },
  });
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length, 0);
  frame.set(event, 4);
  return frame;
}

/** An event about an object whose bytes lie in the cache. */
export function cachedFrameOf(type: string, entry: Entry): Uint8Array {
  const head = `{"type":"${type}"${MIDDLE}`;
  const frame = Buffer.allocUnsafe(head.length + wireLength(entry) + END.length);
  let at = frame.write(head, 0, 'latin1');
  at = writeWire(entry, frame, at);
  frame.write(END, at, 'latin1');
  return frame;
}
