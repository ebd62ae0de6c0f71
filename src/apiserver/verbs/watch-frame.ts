/** Watch events as bytes. Source: API concepts; protobuf frames are length-prefixed WatchEvents. */
import type { Encoding } from '../negotiate.ts';
import { encodeProtobuf } from '#api/codec/protobuf.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { typeByName } from '#api/schema/schema.ts';

const MIDDLE = Buffer.from(',"object":');
const END = Buffer.from('}\n');
const HEADS = new Map<string, Buffer>();

function headOf(type: string): Buffer {
  let head = HEADS.get(type);
  if (head === undefined) {
    head = Buffer.from(`{"type":"${type}"`);
    HEADS.set(type, head);
  }
  return head;
}

/** `object`: the object's bytes in the same encoding (for protobuf: its envelope). */
export function frameOf(type: string, object: Uint8Array, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'json': {
      const end = object.at(-1) === 0x0a ? object.length - 1 : object.length;
      return Buffer.concat([headOf(type), MIDDLE, object.subarray(0, end), END]);
    }
    case 'yaml':
      return Buffer.from(
        `${toYaml({ type, object: JSON.parse(Buffer.from(object).toString()) })}---\n`,
      );
    case 'protobuf': {
      const event = encodeProtobuf(typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent'), {
        type,
        object: { raw: object },
      });
      const frame = Buffer.allocUnsafe(4 + event.length);
      frame.writeUInt32BE(event.length, 0);
      frame.set(event, 4);
      return frame;
    }
  }
}
