import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frameGrpcMessage, GRPC_MESSAGE_BYTES_MAX, GrpcDeframer, GrpcError } from './grpc.ts';

describe('GrpcDeframer', () => {
  it('finds messages however they are cut', () => {
    const wire = Buffer.concat(
      ['', 'a', 'hello'].map((text) => frameGrpcMessage(Buffer.from(text))),
    );
    for (let size = 1; size <= wire.length; size++) {
      const deframer = new GrpcDeframer();
      const found: string[] = [];
      for (let i = 0; i < wire.length; i += size) {
        for (const message of deframer.push(wire.subarray(i, i + size))) {
          found.push(Buffer.from(message).toString());
        }
      }
      assert.deepEqual(found, ['', 'a', 'hello'], `in pieces of ${size}`);
      assert.equal(deframer.pendingBytes, 0);
    }
  });
  it('refuses a message that is too long, before it comes', () => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(GRPC_MESSAGE_BYTES_MAX + 1, 1);
    assert.throws(() => new GrpcDeframer().push(head), GrpcError);
  });
  it('refuses compression, which was not offered', () => {
    assert.throws(() => new GrpcDeframer().push(Buffer.from([1, 0, 0, 0, 0])), GrpcError);
  });
});

describe('GrpcError', () => {
  it('reads as people know it', () => {
    assert.equal(new GrpcError(5, 'no').message, 'rpc error: code = NotFound desc = no');
  });
});
