/**
 * JSON Web Tokens in their compact form, signed with ECDSA P-256 or RSA: what a service account
 * shows, and what a bootstrap token vouches with.
 *
 * Source: RFC 7515 (JWS), RFC 7518 (ES256, RS256, HS256), RFC 7519 (JWT).
 */
import { createHash, createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** The algorithm that a key of this kind signs with. */
export function jwtAlgorithm(key: KeyObject): 'ES256' | 'RS256' {
  return key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
}

/** The name of a public key, by which the one is found that a token was signed with. */
export function jwtKeyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('base64url');
}

/** The token. `key`: private, EC P-256 or RSA. */
export function signJwt(claims: object, key: KeyObject): string {
  const header = { alg: jwtAlgorithm(key), kid: jwtKeyId(createPublicKey(key)) };
  const signed = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
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

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}
