import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../meta/object.ts';
import { typeByName } from '../schema/schema.ts';
import { decodeEnvelope, decodeProtobuf, encodeEnvelope, encodeProtobuf } from './protobuf.ts';
import { WireError, WireReader, WireWriter } from './wire.ts';

const POD = typeByName('io.k8s.api.core.v1.Pod');
const META = typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
const OWNER = typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference');
const CONFIG_MAP = typeByName('io.k8s.api.core.v1.ConfigMap');
const EVENT = typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent');
const REVISION = typeByName('io.k8s.api.apps.v1.ControllerRevision');
const SCHEMA = typeByName(
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps',
);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('encodeProtobuf', () => {
  it('writes zero scalars that are no pointers, in the order of their numbers', () => {
    // kind 1, name 3, uid 4, apiVersion 5; controller and blockOwnerDeletion are pointers.
    assert.equal(hex(encodeProtobuf(OWNER, {})), '0a001a0022002a00');
    assert.equal(hex(encodeProtobuf(OWNER, { controller: false })), '0a001a0022002a003000');
  });

  it('sorts maps by bytes, not by UTF-16 units', () => {
    const encoded = encodeProtobuf(CONFIG_MAP, {
      data: { '\u{10000}': '1', '\uffff': '2', a: '3' },
    });
    const { data } = decodeProtobuf(CONFIG_MAP, encoded) as { data: object };
    assert.deepEqual(Object.keys(data), ['a', '\uffff', '\u{10000}']);
  });

  it("keeps bytes that are ready, the envelope of an event's object", () => {
    const raw = encodeEnvelope('v1', 'Pod', encodeProtobuf(POD, { metadata: { name: 'a' } }));
    const encoded = encodeProtobuf(EVENT, { type: 'ADDED', object: { raw } });
    const decoded = decodeProtobuf(EVENT, encoded) as unknown as {
      type: string;
      object: { raw: Uint8Array };
    };
    assert.equal(decoded.type, 'ADDED');
    assert.equal(hex(decoded.object.raw), hex(raw));
  });

  it('escapes JSON inside as Go does', () => {
    const encoded = Buffer.from(encodeProtobuf(REVISION, { data: { a: '<&>' }, revision: 1 }));
    assert.ok(encoded.includes(String.raw`{"a":"\u003c\u0026\u003e"}`), encoded.toString());
    assert.deepEqual(decodeProtobuf(REVISION, encoded)['data'], { a: '<&>' });
  });

  it('outgrows its buffer', () => {
    const data = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`k${i}`, 'ö'.repeat(50_000)]),
    );
    assert.deepEqual(decodeProtobuf(CONFIG_MAP, encodeProtobuf(CONFIG_MAP, { data })), {
      metadata: {},
      data,
    });
    assert.equal(hex(encodeProtobuf(OWNER, {})), '0a001a0022002a00');
  });
});

describe('decodeProtobuf', () => {
  it('leaves out what omitempty leaves out and fills in the rest', () => {
    const bytes = encodeProtobuf(POD, {
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'b' }] },
    });
    assert.deepEqual(decodeProtobuf(POD, bytes), {
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'b', resources: {} }] },
      status: {},
    });
  });

  it('fills in what other writers leave out', () => {
    assert.deepEqual(decodeProtobuf(POD, new Uint8Array(0)), {
      metadata: {},
      spec: { containers: [] },
      status: {},
    });
  });

  it('drops fields it does not know, of every wire type', () => {
    const unknown = 'a81f05' + 'a91f0102030405060708' + 'aa1f03616263' + 'ad1f01020304';
    const bytes = Buffer.from(`${unknown}0a0161${unknown}`, 'hex');
    assert.deepEqual(decodeProtobuf(META, bytes), { name: 'a' });
  });

  it('adds up what comes in pieces: a message may be sent twice', () => {
    const first = Buffer.from(encodeProtobuf(CONFIG_MAP, { data: { a: '1' } }));
    const second = Buffer.from(encodeProtobuf(CONFIG_MAP, { data: { b: '2' } }));
    const { data } = decodeProtobuf(CONFIG_MAP, Buffer.concat([first, second]));
    assert.deepEqual(data, { a: '1', b: '2' });
  });

  it('takes a key named __proto__ for a key', () => {
    const entry = '0a095f5f70726f746f5f5f120161';
    const { data } = decodeProtobuf(
      CONFIG_MAP,
      Buffer.from(`12${(entry.length / 2).toString(16).padStart(2, '0')}${entry}`, 'hex'),
    );
    assert.equal(Object.getPrototypeOf(data), Object.prototype);
    assert.deepEqual(Object.entries(data as object), [['__proto__', 'a']]);
  });

  for (const [claim, bytes] of [
    ['a length beyond the end', '0a05616263'],
    ['a message that is longer than the one around it', '8a0104220a0801a81f05a81f053800'],
    ['a tag without a value', '0a'],
    ['a number without an end', '38ffffffffffffffffffffff01'],
    ["a wire type that is not the field's", '0801'],
    ['a group', '0b0c'],
  ] as const) {
    it(`refuses ${claim}`, () => {
      assert.throws(() => decodeProtobuf(META, Buffer.from(bytes, 'hex')), WireError);
    });
  }

  it('never hangs or reads outside, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeProtobuf(POD, bytes);
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }),
    );
  });

  it('refuses a quantity that is none, and gives back others in their canonical form', () => {
    const type = typeByName('io.k8s.api.core.v1.ResourceQuotaSpec');
    const specOf = (text: string): Uint8Array => encodeProtobuf(type, { hard: { pods: text } });
    assert.deepEqual(decodeProtobuf(type, specOf('1000m')), { hard: { pods: '1' } });
    assert.throws(() => decodeProtobuf(type, specOf('x')), {
      message: /^quantities must match the regular expression/,
    });
  });

  it('takes any number of seconds for a time, the first moment for none', () => {
    const far = Buffer.from('420a08ffffffffffffffff7f', 'hex');
    const { creationTimestamp } = decodeProtobuf(META, far) as { creationTimestamp: string };
    assert.match(creationTimestamp, /^\d+-\d\d-\d\dT/);
    assert.deepEqual(decodeProtobuf(META, Buffer.from('4200', 'hex')), {});
    const first = Buffer.from('420b088092b8c398feffffff01', 'hex');
    assert.deepEqual(decodeProtobuf(META, first), {});
  });

  it('gives back a schema in each of its forms', () => {
    const object: JsonObject = {
      items: [{ type: 'string' }, { type: 'integer' }],
      additionalProperties: true,
      additionalItems: { type: 'string' },
      dependencies: { a: ['b', 'c'], d: { type: 'object' } },
      not: { items: { type: 'string' }, additionalProperties: false },
      default: { a: [1, null] },
      maximum: 1.5,
    };
    assert.deepEqual(decodeProtobuf(SCHEMA, encodeProtobuf(SCHEMA, object)), object);
  });
});

describe('the envelope', () => {
  it('holds kind and message', () => {
    const envelope = decodeEnvelope(encodeEnvelope('apps/v1', 'Deployment', Buffer.from('abc')));
    assert.deepEqual(
      { ...envelope, raw: Buffer.from(envelope!.raw).toString() },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        raw: 'abc',
      },
    );
  });

  it('is not there when the bytes do not begin with it', () => {
    assert.equal(decodeEnvelope(Buffer.from('{"kind":"Pod"}')), undefined);
    assert.equal(decodeEnvelope(Buffer.from('k8s')), undefined);
  });
});

describe('the wire', () => {
  it('gives back every integer that a number holds', () => {
    const numbers = fc.maxSafeInteger();
    fc.assert(
      fc.property(numbers, (value) => {
        const writer = new WireWriter();
        writer.int64(value);
        assert.equal(new WireReader(writer.result()).int64(), value);
      }),
    );
  });

  it('gives back every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        const writer = new WireWriter();
        writer.stringField(0x0a, text);
        const reader = new WireReader(writer.result());
        assert.deepEqual([reader.uint32(), reader.string()], [0x0a, text]);
      }),
    );
  });

  it('caps what is beyond 64 bits', () => {
    const writer = new WireWriter();
    writer.int64(2 ** 63);
    assert.equal(hex(writer.result()), 'ffffffffffffffff7f');
    writer.reset();
    writer.uint64(2 ** 64);
    assert.equal(hex(writer.result()), 'ffffffffffffffffff01');
  });
});
