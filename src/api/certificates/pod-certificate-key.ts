/**
 * The key that a PodCertificateRequest is for: in a request that is signed with it, or (deprecated)
 * beside a signature of the Pod's uid.
 *
 * Source: upstream pkg/apis/certificates/validation/validation.go.
 */
import { constants, type KeyObject, verify } from 'node:crypto';
import type { PodCertificateRequestSpec } from '#api/gen/certificates-v1beta1.ts';
import { checkRequestSignature, requestKey } from '#base/csr.ts';
import { readPublicKey } from '#base/public-key.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  OMITTED,
  tooLong,
} from '../meta/field.ts';

const STUB = fieldPath('spec').child('stubPKCS10Request');
const KEY = fieldPath('spec').child('pkixPublicKey');
const PROOF = fieldPath('spec').child('proofOfPossession');
/** Of each of the three fields. */
const BYTES_MAX = 10 * 1024;
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];
const MODULUS_BITS = [3072, 4096];

const bytesOf = (base64: string | undefined): Buffer => Buffer.from(base64 ?? '', 'base64');

/** `undefined` where `read` throws. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** `curves`: those that the message names. */
function validateKind(key: KeyObject, at: FieldPath, curves: string): FieldError[] | undefined {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ed25519') return [];
  if (key.asymmetricKeyType === 'ec') {
    if (CURVES.includes(namedCurve)) return [];
    // The one that is read, and not allowed.
    const detail = `elliptic public keys must use curve ${curves}`;
    return [invalidValue(at, 'curve P-224', detail)];
  }
  if (key.asymmetricKeyType === 'rsa') {
    const bits = Math.ceil(modulusLength / 8) * 8;
    if (MODULUS_BITS.includes(bits)) return [];
    const detail = 'RSA keys must have modulus size 3072 or 4096';
    return [invalidValue(at, `${bits}-bit modulus`, detail)];
  }
  return undefined;
}

const UNKNOWN_KIND = 'unknown public key type; supported types are Ed25519, ECDSA, and RSA';
const NO_REQUEST = 'must be a valid PKCS#10 CSR';
const NO_KEY = 'must be a valid PKIX-serialized public key';

export function validateStubRequest({ stubPKCS10Request }: PodCertificateRequestSpec) {
  const bytes = bytesOf(stubPKCS10Request);
  if (bytes.length > BYTES_MAX) return [tooLong(STUB, BYTES_MAX)];
  const read = tried(() => ({ key: requestKey(bytes) }));
  if (read === undefined) return [invalidValue(STUB, OMITTED, NO_REQUEST)];
  const kind =
    read.key === undefined ? undefined : validateKind(read.key, STUB, 'P256, P384, or P521');
  if (kind === undefined) return [invalidValue(STUB, OMITTED, UNKNOWN_KIND)];
  if (kind.length > 0) return kind;
  const isSigned = tried(() => {
    checkRequestSignature(bytes);
    return true;
  });
  return isSigned === true ? [] : [invalidValue(STUB, OMITTED, 'invalid signature')];
}

export function validateKeyAndProof(spec: PodCertificateRequestSpec): FieldError[] {
  const [bytes, proof] = [bytesOf(spec.pkixPublicKey), bytesOf(spec.proofOfPossession)];
  if (bytes.length > BYTES_MAX) return [tooLong(KEY, BYTES_MAX)];
  if (proof.length > BYTES_MAX) return [tooLong(PROOF, BYTES_MAX)];
  const key = tried(() => readPublicKey(bytes));
  if (key === undefined) return [invalidValue(KEY, spec.pkixPublicKey, NO_KEY)];
  const kind = validateKind(key, KEY, 'P256 or P384');
  if (kind === undefined) return [invalidValue(KEY, spec.pkixPublicKey, UNKNOWN_KIND)];
  if (kind.length > 0) return kind;
  const isProven = tried(() => provesPossession(key, spec.podUID, proof)) === true;
  return isProven
    ? []
    : [invalidValue(PROOF, OMITTED, 'could not verify proof-of-possession signature')];
}

function provesPossession(key: KeyObject, uid: string, proof: Buffer): boolean {
  const signed = Buffer.from(uid);
  if (key.asymmetricKeyType === 'ed25519') return verify(undefined, signed, key, proof);
  const isRsa = key.asymmetricKeyType === 'rsa';
  const padding = isRsa ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {};
  return verify('sha256', signed, { key, ...padding }, proof);
}

/** The key of a stored request, or why there is none. */
export function requestedKey(spec: PodCertificateRequestSpec): KeyObject | FieldError {
  if (spec.stubPKCS10Request) {
    const key = tried(() => requestKey(bytesOf(spec.stubPKCS10Request)));
    return key ?? invalidValue(STUB, OMITTED, NO_REQUEST);
  }
  const key = tried(() => readPublicKey(bytesOf(spec.pkixPublicKey)));
  return key ?? invalidValue(KEY, OMITTED, NO_KEY);
}
