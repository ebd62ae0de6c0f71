/**
 * A KMS version 2 plug-in as a process of its own: `node plug-in.ts SOCKET KEYS`. KEYS is a file of
 * JSON, `{"current": "a", "keys": {"a": "<32 bytes, base64>"}}`, read with each call; data keys are
 * sealed with AES-GCM by the current one. Prints a line when it listens.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { KMS, KMS_SERVICE } from '#apiserver/encryption/kms-messages.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { serveGrpc } from '#edge/grpc-server.ts';

interface Keys {
  readonly current: string;
  readonly keys: Readonly<Record<string, string>>;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What binds a sealed key to its name. */
const ANNOTATION = 'wrapped.kms.example.com';

const [, , socket = '', file = ''] = process.argv;
const keys = (): Keys => JSON.parse(readFileSync(file, 'utf8'));

function keyNamed(id: string): Buffer {
  const key = keys().keys[id];
  if (key === undefined) throw new GrpcError(GRPC_CODE.notFound, `there is no key ${id}`);
  return Buffer.from(key, 'base64');
}

function seal(plaintext: Uint8Array, id: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, keyNamed(id), nonce).setAAD(Buffer.from(id));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(sealed: Uint8Array, id: string): Buffer {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv(ALGORITHM, keyNamed(id), bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([
    decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
    decipher.final(),
  ]);
}

await serveGrpc(socket, {
  unary: {
    [`${KMS_SERVICE}/Status`]: async () =>
      KMS.encode('StatusResponse', { version: 'v2', healthz: 'ok', keyId: keys().current }),
    [`${KMS_SERVICE}/Encrypt`]: async (request) => {
      const { plaintext = new Uint8Array(0) } = KMS.decode('EncryptRequest', request);
      const keyId = keys().current;
      const annotations = { [ANNOTATION]: Buffer.from(keyId) };
      return KMS.encode('EncryptResponse', {
        ciphertext: seal(plaintext, keyId),
        keyId,
        annotations,
      });
    },
    [`${KMS_SERVICE}/Decrypt`]: async (request) => {
      const {
        ciphertext = new Uint8Array(0),
        keyId = '',
        annotations = {},
      } = KMS.decode('DecryptRequest', request);
      if (Buffer.from(annotations[ANNOTATION] ?? []).toString() !== keyId)
        throw new GrpcError(GRPC_CODE.invalidArgument, 'the annotation is of another key');
      return KMS.encode('DecryptResponse', { plaintext: open(ciphertext, keyId) });
    },
  },
});
// It ends with the test, however that ends.
process.stdin.resume().on('end', () => process.exit());
process.stdout.write('listening\n');
