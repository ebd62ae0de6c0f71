/**
 * JSON Web Tokens in their compact form: what a service account shows, what a bootstrap token
 * vouches with, and what foreign issuers sign.
 *
 * Everything here happens at once, in this thread: nothing waits for the thread pool.
 * Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 7519 (JWT).
 */
import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  type VerifyKeyObjectInput,
} from 'node:crypto';

/** Of asymmetric keys; a shared secret never signs a token. */
export const JWT_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const;
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** The curve of each algorithm of elliptic curves, by OpenSSL's name. */
const CURVES: Readonly<Record<string, JwtAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** The algorithm that a key of this kind signs with. Throws a TypeError for one that cannot. */
export function jwtAlgorithm(key: KeyObject): JwtAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const algorithm = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm === undefined)
    throw new TypeError(
      'Cannot sign with this key: it is neither RSA nor EC P-256, P-384 or P-521',
    );
  return algorithm;
}

/** The name of a public key, by which the one is found that a token was signed with. */
export function jwtKeyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('base64url');
}

/** The token. `key`: private, EC or RSA. */
export function signJwt(claims: object, key: KeyObject): string {
  const alg = jwtAlgorithm(key);
  const header = { alg, kid: jwtKeyId(createPublicKey(key)) };
  const signed = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`;
  const signature = sign(hashOf(alg), Buffer.from(signed), withPadding(key, alg));
  return `${signed}.${signature.toString('base64url')}`;
}

/** A token whose signature nobody has looked at yet. */
export interface Jwt {
  readonly algorithm: string;
  /** Empty where the token names no key. */
  readonly keyId: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

const PART = /^[A-Za-z0-9_-]+$/;

/** What a token says; undefined when it is no token, or asks for what is unknown here (`crit`). */
export function parseJwt(token: string): Jwt | undefined {
  const parts = token.split('.');
  const [head = '', body = '', signature = ''] = parts;
  if (parts.length !== 3 || !parts.every((part) => PART.test(part))) return undefined;
  const header = decode(head);
  const claims = decode(body);
  if (header === undefined || claims === undefined || header['crit'] !== undefined)
    return undefined;
  const { alg, kid } = header;
  return {
    algorithm: typeof alg === 'string' ? alg : '',
    keyId: typeof kid === 'string' ? kid : '',
    claims,
    signed: Buffer.from(`${head}.${body}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** Whether `key` signed the token, in the way that the token says and that is a way of this key. */
export function isSignedBy({ algorithm, signed, signature }: Jwt, key: KeyObject): boolean {
  const alg = JWT_ALGORITHMS.find((one) => one === algorithm);
  if (alg === undefined || key.type !== 'public' || !fits(key, alg)) return false;
  return verify(hashOf(alg), signed, withPadding(key, alg), signature);
}

function fits(key: KeyObject, alg: JwtAlgorithm): boolean {
  if (!alg.startsWith('ES')) return key.asymmetricKeyType === 'rsa';
  return (
    key.asymmetricKeyType === 'ec' && CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] === alg
  );
}

function hashOf(alg: JwtAlgorithm): string {
  return `sha${alg.slice(-3)}`;
}

function withPadding(key: KeyObject, alg: JwtAlgorithm): VerifyKeyObjectInput {
  if (alg.startsWith('ES')) return { key, dsaEncoding: 'ieee-p1363' };
  if (alg.startsWith('RS')) return { key, padding: constants.RSA_PKCS1_PADDING };
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return { key, padding, saltLength };
}

/** A signature without the text that it is for (RFC 7515, appendix F), by a shared secret. */
export function detachedSignature(
  text: string,
  { keyId, secret }: { readonly keyId: string; readonly secret: string },
): string {
  const header = encode(JSON.stringify({ alg: 'HS256', kid: keyId }));
  const signature = createHmac('sha256', secret).update(`${header}.${encode(text)}`);
  return `${header}..${signature.digest('base64url')}`;
}

function decode(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}
