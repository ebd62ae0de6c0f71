/**
 * The messages of key services (KMS version 2), and of what their values are in the store.
 *
 * Source: k8s.io/kms/apis/v2/api.proto; upstream
 * apiserver/pkg/storage/value/encrypt/envelope/kmsv2/v2/api.proto.
 */
import { type MessageOf, TypedCodec } from '#base/typed-codec.ts';
import { isDns1123Subdomain } from '#api/meta/names.ts';

const TABLE = {
  StatusRequest: [],
  StatusResponse: [
    ['version', 1, 'string', 0],
    ['healthz', 2, 'string', 0],
    ['keyId', 3, 'string', 0],
  ],
  EncryptRequest: [
    ['plaintext', 1, 'bytes', 0],
    ['uid', 2, 'string', 0],
  ],
  EncryptResponse: [
    ['ciphertext', 1, 'bytes', 0],
    ['keyId', 2, 'string', 0],
    ['annotations', 3, 'map:bytes', 0],
  ],
  DecryptRequest: [
    ['ciphertext', 1, 'bytes', 0],
    ['uid', 2, 'string', 0],
    ['keyId', 3, 'string', 0],
    ['annotations', 4, 'map:bytes', 0],
  ],
  DecryptResponse: [['plaintext', 1, 'bytes', 0]],
  EncryptedObject: [
    ['encryptedData', 1, 'bytes', 0],
    ['keyID', 2, 'string', 0],
    ['encryptedDEKSource', 3, 'bytes', 0],
    ['annotations', 4, 'map:bytes', 0],
    ['encryptedDEKSourceType', 5, 'enum', 0],
  ],
} as const;

export const KMS = new TypedCodec(TABLE);
export type KmsMessage<N extends keyof typeof TABLE> = MessageOf<typeof TABLE, N>;

export const KMS_SERVICE = '/v2.KeyManagementService';

/** The data key is the plain text itself. */
const KEY_TYPE = 0;
/** Data keys are derived from the plain text (`seededAesGcm`). */
export const SEED_TYPE = 1;

const KEY_ID_MAX = 1024;
const SOURCE_MAX = 1024;
const ANNOTATIONS_MAX = 32 * 1024;

/** Where a data key comes from, and how to ask for it. */
export interface DataKeySource {
  readonly keyId: string;
  /** What the key service made of the data key. */
  readonly encrypted: Uint8Array;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
  readonly type: number;
}

/** What lies in the store behind the prefix. Throws RangeError where it is no message. */
export function decodeEncryptedObject(bytes: Uint8Array): {
  readonly source: DataKeySource;
  readonly data: Uint8Array;
} {
  const message = KMS.decode('EncryptedObject', bytes);
  const {
    encryptedData: data = EMPTY,
    keyID: keyId = '',
    encryptedDEKSource: encrypted = EMPTY,
    annotations = {},
    encryptedDEKSourceType: type = KEY_TYPE,
  } = message;
  const source = { keyId, encrypted, annotations, type };
  if (type !== KEY_TYPE && type !== SEED_TYPE)
    throw new Error(`unknown encryptedDEKSourceType: ${type}`);
  if (data.length === 0) throw new Error('encrypted data is empty');
  checkSource(source);
  return { source, data };
}

export function encodeEncryptedObject(
  { keyId, encrypted, annotations, type }: DataKeySource,
  data: Uint8Array,
): Uint8Array {
  return KMS.encode('EncryptedObject', {
    encryptedData: data,
    keyID: keyId,
    encryptedDEKSource: encrypted,
    annotations,
    encryptedDEKSourceType: type,
  });
}

const EMPTY = new Uint8Array(0);

/** Throws an error that says what a key service must not give. */
export function checkSource({ keyId, encrypted, annotations }: DataKeySource): void {
  if (encrypted.length === 0)
    throw new Error('failed to validate encrypted DEK source: encrypted DEK source is empty');
  if (encrypted.length > SOURCE_MAX)
    throw new Error(
      `failed to validate encrypted DEK source: encrypted DEK source is ${encrypted.length} bytes, which exceeds the max size of ${SOURCE_MAX}`,
    );
  const wrong = wrongKeyId(keyId);
  if (wrong !== undefined) throw new Error(`failed to validate key id: ${wrong.message}`);
  const size = Object.entries(annotations).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + value.length,
    0,
  );
  const names = Object.keys(annotations).filter(
    (name) => !name.includes('.') || isDns1123Subdomain(name).length > 0,
  );
  const errors = [
    ...names.map((name) => `annotations: Invalid value: ${JSON.stringify(name)}`),
    ...(size > ANNOTATIONS_MAX
      ? [`total size of annotations is ${size}, which exceeds the max size of ${ANNOTATIONS_MAX}`]
      : []),
  ];
  if (errors.length > 0) throw new Error(`failed to validate annotations: ${errors.join(', ')}`);
}

/** Undefined: it can be one. `code`: for metrics. */
export function wrongKeyId(
  keyId: string,
): { readonly code: string; readonly message: string } | undefined {
  if (keyId === '') return { code: 'empty', message: 'keyID is empty' };
  const size = Buffer.byteLength(keyId);
  if (size <= KEY_ID_MAX) return undefined;
  const message = `keyID is ${size} bytes, which exceeds the max size of ${KEY_ID_MAX}`;
  return { code: 'too_long', message };
}
