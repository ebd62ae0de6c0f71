import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeError, encodeQuery, encodeResponse } from './encode.ts';
import { readForeignAnswer, readForeignRecords } from './foreign.ts';
import { decodeQuery, type DnsRecord, type Query, RCODE, TYPE } from './wire.ts';

function query(name: string, type: number = TYPE.A): Query {
  const decoded = decodeQuery(encodeQuery({ id: 7, name, type }));
  assert.ok(decoded !== undefined && 'question' in decoded);
  return decoded;
}

function a(name: string, last: number): DnsRecord {
  return { name, ttlSeconds: 5, data: { type: TYPE.A, address: Uint8Array.of(10, 0, 0, last) } };
}

function response(answers: DnsRecord[], additional: DnsRecord[] = []) {
  return { rcode: RCODE.noError, authoritative: true, answers, authority: [], additional };
}

describe('decodeQuery', () => {
  it('reads name, type and EDNS0, in lower case', () => {
    const { name, type, edns, recursionDesired } = query('Web.Default.svc', TYPE.SRV);
    assert.deepEqual(
      { name, type, udp: edns?.udpBytesMax, recursionDesired },
      {
        name: 'web.default.svc',
        type: TYPE.SRV,
        udp: 1232,
        recursionDesired: true,
      },
    );
  });

  /** The header, without additional records. */
  const alone = (bytes: Buffer): Buffer => {
    bytes.writeUInt16BE(0, 10);
    return bytes.subarray(0, 12);
  };
  const bad: [claim: string, change: (bytes: Buffer) => Buffer, rcode: number][] = [
    ['two questions', (b) => (b.writeUInt16BE(2, 4), b), RCODE.formErr],
    ['a pointer in the question', (b) => ((b[12] = 0xc0), b), RCODE.formErr],
    [
      'a label of more than 63 bytes',
      (b) => Buffer.concat([alone(b), Buffer.of(64), Buffer.alloc(64, 'x'), Buffer.alloc(5)]),
      RCODE.formErr,
    ],
    [
      'a name of more than 255 bytes',
      (b) =>
        Buffer.concat([
          alone(b),
          ...Array.from({ length: 5 }, () => Buffer.concat([Buffer.of(63), Buffer.alloc(63, 'x')])),
          Buffer.alloc(5),
        ]),
      RCODE.formErr,
    ],
    ['a question that is cut off', (b) => b.subarray(0, 15), RCODE.formErr],
    ['an additional record that is cut off', (b) => b.subarray(0, b.length - 3), RCODE.formErr],
    [
      'EDNS0 of another name than the root',
      (b) => (
        (b[b.length - 11] = 1),
        Buffer.concat([b.subarray(0, b.length - 10), Buffer.from('a\0'), b.subarray(b.length - 10)])
      ),
      RCODE.formErr,
    ],
    [
      'an option of EDNS0 that is cut off',
      (b) => (b.writeUInt16BE(6, b.length - 2), Buffer.concat([b, Buffer.of(0, 10, 0, 3, 1, 2)])),
      RCODE.formErr,
    ],
    [
      'half of an option of EDNS0',
      (b) => (b.writeUInt16BE(3, b.length - 2), Buffer.concat([b, Buffer.of(0, 10, 0)])),
      RCODE.formErr,
    ],
    ['an operation other than QUERY', (b) => ((b[2] = 0x28), b), RCODE.notImp],
  ];
  for (const [claim, change, rcode] of bad) {
    it(`answers ${claim} with an error`, () => {
      const decoded = decodeQuery(
        change(Buffer.from(encodeQuery({ id: 9, name: 'a.b', type: 1 }))),
      );
      assert.ok(decoded !== undefined && 'rcode' in decoded);
      assert.equal(decoded.rcode, rcode);
      const answer = Buffer.from(encodeError(decoded, decoded.rcode));
      assert.equal(answer.readUInt16BE(0), 9);
      assert.equal((answer[3] ?? 0) & 15, rcode);
    });
  }

  it('gives no answer to answers, so that two servers never talk for ever', () => {
    assert.equal(decodeQuery(encodeResponse(query('a'), response([]), 512)), undefined);
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        decodeQuery(bytes);
        readForeignAnswer(bytes);
        readForeignRecords(bytes);
      }),
      { numRuns: 3_000 },
    );
  });

  it('never throws on a good message with bytes changed', () => {
    const good = encodeResponse(
      query('x.example'),
      response([a('x.example', 1), a('y.x.example', 2)]),
      512,
    );
    const asked = encodeQuery({ id: 1, name: 'x.example', type: 1 });
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(changes, fc.boolean(), (edits, isQuery) => {
        const bytes = Buffer.from(isQuery ? asked : good);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        decodeQuery(bytes);
        readForeignAnswer(bytes);
        readForeignRecords(bytes);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('encodeResponse', () => {
  it('repeats the question letter by letter', () => {
    const asked = Buffer.from(encodeQuery({ id: 1, name: 'wEb.X', type: 1 }));
    const decoded = decodeQuery(asked);
    assert.ok(decoded !== undefined && 'question' in decoded);
    const bytes = Buffer.from(encodeResponse(decoded, response([a('web.x', 1)]), 512));
    assert.deepEqual(bytes.subarray(12, 12 + 11), asked.subarray(12, 12 + 11));
  });

  it('compresses names, so that 26 addresses fit a datagram', () => {
    const name = 'a-rather-long-name.default.svc.cluster.local';
    const records = Array.from({ length: 26 }, (_, index) => a(name, index));
    const bytes = encodeResponse(query(name), response(records), 512);
    assert.deepEqual(readForeignRecords(bytes), records);
  });

  it('leaves additional records out before it truncates', () => {
    const more = Array.from({ length: 40 }, (_, index) => a('other', index));
    const bytes = encodeResponse(query('x'), response([a('x', 1)], more), 512);
    const parsed = readForeignAnswer(bytes);
    assert.ok(bytes.length <= 512);
    assert.deepEqual(
      { truncated: parsed?.truncated, answers: parsed?.answers },
      { truncated: false, answers: 1 },
    );
  });

  it('gives as many answers as fit, and says that there are more', () => {
    const many = Array.from({ length: 100 }, (_, index) => a('x', index));
    for (const bytesMax of [512, 513, 527, 1232]) {
      const bytes = encodeResponse(query('x'), response(many, [a('y', 1)]), bytesMax);
      const parsed = readForeignAnswer(bytes);
      assert.equal(parsed?.truncated, true);
      assert.deepEqual(readForeignRecords(bytes), many.slice(0, parsed.answers));
      // A record has 16 bytes: one more would not fit.
      assert.ok(bytes.length <= bytesMax && bytes.length + 16 > bytesMax, `${bytes.length}`);
      assert.equal(Buffer.from(bytes).readUInt16BE(10), 1, 'OPT alone');
      assert.notEqual(parsed.opt, undefined);
    }
  });

  it('says that it is truncated when the name of the zone does not fit', () => {
    const soa: DnsRecord = {
      name: 'z'.repeat(63),
      ttlSeconds: 1,
      data: { type: TYPE.NS, target: 'n' },
    };
    const answers = Array.from({ length: 30 }, (_, index) => a('x', index));
    const whole = { ...response(answers, [a('y', 1)]), authority: [soa] };
    const bytes = encodeResponse(query('x'), whole, 512 + 50);
    const parsed = readForeignAnswer(bytes);
    assert.deepEqual([parsed?.truncated, parsed?.answers], [true, 30]);
    assert.equal(Buffer.from(bytes).readUInt16BE(10), 1, 'no additional record but OPT');
  });

  it('writes what it reads, for any names and addresses', () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
    const record = fc.oneof(
      fc.tuple(name, fc.nat(255)).map(([own, last]) => a(own, last)),
      fc.tuple(name, name).map(
        ([own, target]): DnsRecord => ({
          name: own,
          ttlSeconds: 5,
          data: { type: TYPE.CNAME, target },
        }),
      ),
    );
    fc.assert(
      fc.property(name, fc.array(record, { maxLength: 20 }), (asked, records) => {
        assert.deepEqual(
          readForeignRecords(encodeResponse(query(asked), response(records), 65_535)),
          records,
        );
      }),
    );
  });
});
