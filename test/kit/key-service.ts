/** A key service (KMS version 2) in memory: it turns bytes over, and does what a test says. */
import { GRPC_CODE, type GrpcChannel, GrpcError } from '#base/grpc.ts';
import { KMS, KMS_SERVICE } from '#apiserver/encryption/kms-messages.ts';

export class TestKeyService {
  keyId = 'key-1';
  healthz = 'ok';
  version = 'v2';
  isDown = false;
  /** As whose it says to have encrypted; that of its status unless given. */
  encryptsWith: string | undefined;
  annotations: Readonly<Record<string, Uint8Array>> = {};
  /** Methods in the order of the calls. */
  readonly calls: string[] = [];

  channel(): GrpcChannel {
    return {
      unary: async (path, request) => {
        const method = path.slice(KMS_SERVICE.length + 1);
        this.calls.push(method);
        await Promise.resolve();
        if (this.isDown) throw new GrpcError(GRPC_CODE.unavailable, 'nobody listens');
        return this.#answer(method, request);
      },
      serverStream: () => Promise.reject(new GrpcError(GRPC_CODE.unimplemented, 'no streams')),
      close: () => {},
    };
  }

  #answer(method: string, request: Uint8Array): Uint8Array {
    const { healthz, version } = this;
    const keyId = method === 'Encrypt' ? (this.encryptsWith ?? this.keyId) : this.keyId;
    if (method === 'Status') return KMS.encode('StatusResponse', { keyId, healthz, version });
    if (method === 'Encrypt') {
      const { plaintext = new Uint8Array(0) } = KMS.decode('EncryptRequest', request);
      const annotations = { 'where.example.com': Buffer.from(keyId), ...this.annotations };
      const ciphertext = turned(plaintext);
      return KMS.encode('EncryptResponse', { ciphertext, keyId, annotations });
    }
    const message = KMS.decode('DecryptRequest', request);
    const { ciphertext = new Uint8Array(0), keyId: asked = '', annotations = {} } = message;
    if (Buffer.from(annotations['where.example.com'] ?? []).toString() !== asked)
      throw new GrpcError(GRPC_CODE.invalidArgument, 'the annotations are not those of the key');
    return KMS.encode('DecryptResponse', { plaintext: turned(ciphertext) });
  }
}

const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);
