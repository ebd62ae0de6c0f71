/**
 * proto3 bytes by a table of messages.
 *
 * Source: protobuf.dev "Encoding". Zero values are not written, absent fields are absent after
 * decoding, unknown fields are skipped. 64-bit integers are numbers: nanoseconds since 1970 lose
 * less than a microsecond.
 */

/** Name, number, type (`string`, `int64`, `map:string`, name of a message, ...), 1 if repeated. */
export type ProtoField = readonly [string, number, string, number];
export type ProtoTable = Readonly<Record<string, readonly ProtoField[]>>;

type Value = unknown;
type Message = Record<string, Value>;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const EMPTY = new Uint8Array(0);

/** Encodes and decodes the messages of one table. */
export class ProtoCodec {
  readonly #table: ProtoTable;
  readonly #byNumber = new Map<string, Map<number, ProtoField>>();

  constructor(table: ProtoTable) {
    this.#table = table;
  }

  encode(name: string, message: object): Uint8Array {
    const out: Uint8Array[] = [];
    // A message is an object with the names of its fields.
    this.#writeMessage(out, name, message as Message);
    return Buffer.concat(out);
  }

  /** Throws a RangeError when the bytes are no message. */
  decode(name: string, bytes: Uint8Array): Message {
    return this.#readMessage(name, new Reader(bytes));
  }

  #fields(name: string): readonly ProtoField[] {
    const fields = this.#table[name];
    if (fields === undefined) throw new Error(`Cannot encode "${name}": no such message`);
    return fields;
  }

  #fieldsByNumber(name: string): Map<number, ProtoField> {
    let fields = this.#byNumber.get(name);
    if (fields === undefined) {
      fields = new Map(this.#fields(name).map((field) => [field[1], field]));
      this.#byNumber.set(name, fields);
    }
    return fields;
  }

  #writeMessage(out: Uint8Array[], name: string, message: Message): void {
    for (const field of this.#fields(name)) {
      const value = message[field[0]];
      if (value === undefined || value === null) continue;
      if (field[3] === 1) this.#writeRepeated(out, field, value as Value[]);
      else if (field[2].startsWith('map:')) this.#writeMap(out, field, value as Message);
      else if (!isZero(value)) this.#writeField(out, field[1], field[2], value);
    }
  }

  #writeRepeated(out: Uint8Array[], [, number, type]: ProtoField, values: Value[]): void {
    if (values.length === 0) return;
    if (wireType(type) === BYTES) {
      for (const value of values) this.#writeField(out, number, type, value);
      return;
    }
    // Scalars come packed.
    const packed: Uint8Array[] = values.map((value) => varint(Number(value)));
    writeBytes(out, number, Buffer.concat(packed));
  }

  #writeMap(out: Uint8Array[], [, number, type]: ProtoField, map: Message): void {
    for (const [key, value] of Object.entries(map)) {
      const entry: Uint8Array[] = [];
      this.#writeField(entry, 1, 'string', key);
      this.#writeField(entry, 2, type.slice('map:'.length), value);
      writeBytes(out, number, Buffer.concat(entry));
    }
  }

  #writeField(out: Uint8Array[], number: number, type: string, value: Value): void {
    if (type === 'string') writeBytes(out, number, Buffer.from(String(value)));
    else if (type === 'bytes') writeBytes(out, number, value instanceof Uint8Array ? value : EMPTY);
    else if (wireType(type) === VARINT) {
      out.push(varint(number * 8 + VARINT), varint(Number(value)));
    } else if (wireType(type) === BYTES) {
      const nested: Uint8Array[] = [];
      this.#writeMessage(nested, type, value as Message);
      writeBytes(out, number, Buffer.concat(nested));
    }
  }

  #readMessage(name: string, reader: Reader): Message {
    const fields = this.#fieldsByNumber(name);
    const message: Message = {};
    while (!reader.done) {
      const tag = reader.varint();
      const wire = tag % 8;
      const field = fields.get((tag - wire) / 8);
      if (field === undefined) reader.skip(wire);
      else this.#readField(message, field, wire, reader);
    }
    return message;
  }

  #readField(message: Message, field: ProtoField, wire: number, reader: Reader): void {
    const [name, , type, repeated] = field;
    if (type.startsWith('map:')) {
      const map = (message[name] ??= {}) as Message;
      const [key, value] = this.#readEntry(type.slice('map:'.length), new Reader(reader.bytes()));
      map[key] = value;
    } else if (repeated === 1) {
      const list = (message[name] ??= []) as Value[];
      if (wire === BYTES && wireType(type) === VARINT) {
        const packed = new Reader(reader.bytes());
        while (!packed.done) list.push(this.#readValue(type, packed));
      } else {
        list.push(this.#readValue(type, reader));
      }
    } else {
      message[name] = this.#readValue(type, reader);
    }
  }

  #readEntry(type: string, reader: Reader): [string, Value] {
    let key = '';
    let value: Value = type === 'string' ? '' : undefined;
    while (!reader.done) {
      const tag = reader.varint();
      if (tag >> 3 === 1) key = String(this.#readValue('string', reader));
      else value = this.#readValue(type, reader);
    }
    return [key, value];
  }

  #readValue(type: string, reader: Reader): Value {
    if (type === 'string') return Buffer.from(reader.bytes()).toString();
    if (type === 'bytes') return reader.bytes();
    if (type === 'bool') return reader.varint() !== 0;
    if (type === 'double') return reader.double();
    if (wireType(type) === VARINT) {
      return type.startsWith('uint') ? reader.varint() : reader.signed();
    }
    return this.#readMessage(type, new Reader(reader.bytes()));
  }
}

/** A message that is there is written, even empty. */
function isZero(value: Value): boolean {
  const emptyBytes = value instanceof Uint8Array && value.length === 0;
  return value === 0 || value === '' || value === false || emptyBytes;
}

function wireType(type: string): number {
  if (type === 'double') return FIXED64;
  if (type === 'float') return FIXED32;
  return /^(u?int(32|64)|bool|enum)$/.test(type) ? VARINT : BYTES;
}

function writeBytes(out: Uint8Array[], number: number, bytes: Uint8Array): void {
  out.push(varint(number * 8 + BYTES), varint(bytes.length), bytes);
}

/** Negative numbers take ten bytes, as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  if (value >= 0 && value < 128) return Uint8Array.of(value);
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length;
  }

  varint(): number {
    const first = this.#view.getUint8(this.#position);
    if (first < 128) {
      this.#position++;
      return first;
    }
    return Number(this.#long());
  }

  signed(): number {
    return Number(BigInt.asIntN(64, this.#long()));
  }

  #long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#view.getUint8(this.#position++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError('Cannot read message: a number has more than ten bytes');
  }

  double(): number {
    const value = this.#view.getFloat64(this.#position, true);
    this.#position += 8;
    return value;
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new RangeError('Cannot read message: it ends too early');
    const part = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return part;
  }

  skip(wire: number): void {
    if (wire === VARINT) this.#long();
    else if (wire === BYTES) this.bytes();
    else this.#position += wire === FIXED64 ? 8 : 4;
  }
}
