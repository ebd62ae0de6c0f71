/**
 * Service-account tokens: JWTs that this server signs and checks.
 *
 * Source: RFC 7519, RFC 7515; KEP-1205; upstream v1.36 pkg/serviceaccount/{jwt,claims,
 * openidmetadata}.go.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { ExpiringCache } from '#base/expiring-cache.ts';
import { isSignedBy, type Jwt, jwtAlgorithm, jwtKeyId, parseJwt, signJwt } from '#base/jwt.ts';
import { pemBlocks } from '#base/pem.ts';
import { LEGACY_ISSUER } from './legacy-tokens.ts';
import { TokenError } from './token-authenticator.ts';

export interface BoundObject {
  readonly kind: 'Pod' | 'Node' | 'Secret';
  readonly name: string;
  readonly uid: string;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  readonly audiences: readonly string[];
  readonly expiresInSeconds: number;
  /** From then on it is noted that the token is shown, though it is still good. */
  readonly warnAfterSeconds?: number;
  readonly boundTo?: BoundObject;
  /** The node of the pod that the token is bound to. */
  readonly node?: { readonly name: string; readonly uid: string };
  readonly tokenId: string;
}

/** What a token of ours says; who made it is known. */
export interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: readonly string[] | string;
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly 'kubernetes.io'?: {
    readonly namespace: string;
    readonly serviceaccount: { name: string; uid: string };
    readonly pod?: { name: string; uid: string };
    readonly secret?: { name: string; uid: string };
    readonly node?: { name: string; uid: string };
    readonly warnafter?: number;
  };
}

/** What is promised of the tokens of service accounts; all as upstream's flags have it. */
export interface ServiceAccountTokenOptions {
  /** The first signs, all are believed. */
  readonly issuers: readonly string[];
  /** What a token must be for to be good for this server; the issuers unless given. */
  readonly audiences?: readonly string[];
  /** A PEM private key, EC or RSA. */
  readonly key: string;
  /**
   * PEM keys, public or private, several in one text too, whose tokens are believed beside those of
   * `key`: those of other API servers, or of before.
   */
  readonly trustedKeys?: readonly string[];
  /** Longer ones are shortened; 0: as long as is asked for. */
  readonly maxExpirationSeconds?: number;
  /** Whether the tokens that pods are given by admission are good for a year. */
  readonly extendsExpiration?: boolean;
  /** Where the keys are said to be, instead of below the issuer. */
  readonly jwksUri?: string;
  /** For what is remembered of signatures. */
  readonly monotonicMs: () => number;
}

interface TrustedKey {
  readonly key: KeyObject;
  readonly id: string;
}

/** Signatures that are remembered, and for how long. */
const SIGNATURES_MAX = 10_000;
const SIGNATURE_MS = 60_000;

export class ServiceAccountTokens {
  readonly issuer: string;
  /** The audiences that a request to this server must name one of. */
  readonly audiences: readonly string[];
  readonly maxExpirationSeconds: number;
  readonly extendsExpiration: boolean;
  readonly keyId: string;
  readonly #issuers: ReadonlySet<string>;
  readonly #private: KeyObject;
  readonly #jwksUri: string;
  /** Keys that tokens may be signed with, ours first. */
  readonly #trusted: readonly TrustedKey[];
  /** By a hash of the token: what it says, once its signature was found good. */
  readonly #signed: ExpiringCache<Claims>;

  constructor(options: ServiceAccountTokenOptions) {
    const [issuer = ''] = options.issuers;
    this.issuer = issuer;
    this.#issuers = new Set([...options.issuers, LEGACY_ISSUER]);
    this.audiences = options.audiences ?? options.issuers;
    this.maxExpirationSeconds = options.maxExpirationSeconds ?? 0;
    this.extendsExpiration = options.extendsExpiration === true;
    this.#jwksUri = options.jwksUri ?? `${issuer}/openid/v1/jwks`;
    this.#private = createPrivateKey(options.key);
    const own = trusted(createPublicKey(this.#private));
    this.keyId = own.id;
    const others = (options.trustedKeys ?? []).flatMap(keysOf).map(trusted);
    const byId = new Map([own, ...others].map((one) => [one.id, one]));
    this.#trusted = [...byId.values()];
    this.#signed = new ExpiringCache(SIGNATURES_MAX, options.monotonicMs);
  }

  issue(request: TokenRequest, nowMs: number): string {
    const nowSeconds = Math.floor(nowMs / 1000);
    const { boundTo: bound, warnAfterSeconds } = request;
    const claims = {
      aud: request.audiences,
      exp: nowSeconds + request.expiresInSeconds,
      iat: nowSeconds,
      iss: this.issuer,
      jti: request.tokenId,
      'kubernetes.io': {
        namespace: request.namespace,
        ...(request.node === undefined ? {} : { node: request.node }),
        ...(bound === undefined
          ? {}
          : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        serviceaccount: request.serviceAccount,
        ...(warnAfterSeconds === undefined ? {} : { warnafter: nowSeconds + warnAfterSeconds }),
      },
      nbf: nowSeconds,
      sub: `system:serviceaccount:${request.namespace}:${request.serviceAccount.name}`,
    };
    return signJwt(claims, this.#private);
  }

  /**
   * What a token says that one of our issuers signed, whether or not it is in force; undefined: it is
   * somebody else's. Throws TokenError when the signature is none of ours.
   */
  read(token: string): Claims | undefined {
    const jwt = parseJwt(token);
    if (jwt === undefined || !this.#issuers.has(String(jwt.claims['iss']))) return undefined;
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#signed.get(hash);
    if (known !== undefined) return known;
    this.#checkSignature(jwt);
    const claims = jwt.claims as Claims;
    this.#signed.set(hash, claims, SIGNATURE_MS);
    return claims;
  }

  #checkSignature(jwt: Jwt): void {
    const keys = this.#trusted.filter(({ id }) => jwt.keyId === '' || id === jwt.keyId);
    if (keys.length === 0) throw new TokenError('invalid signature, no keys found');
    if (!keys.some(({ key }) => isSignedBy(jwt, key)))
      throw new TokenError('go-jose/go-jose: error in cryptographic primitive');
  }

  /** The public keys as a JSON Web Key Set (RFC 7517), for /openid/v1/jwks. */
  jwks(): object {
    return {
      keys: this.#trusted.map(({ id, key }) => ({
        use: 'sig',
        kid: id,
        alg: jwtAlgorithm(key),
        ...key.export({ format: 'jwk' }),
      })),
    };
  }

  /** For /.well-known/openid-configuration. */
  discovery(): object {
    return {
      issuer: this.issuer,
      jwks_uri: this.#jwksUri,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [
        ...new Set(this.#trusted.map(({ key }) => jwtAlgorithm(key))),
      ].toSorted(),
    };
  }
}

/** The keys of a PEM text; one that is no PEM is refused by OpenSSL's own words. */
function keysOf(pem: string): KeyObject[] {
  const keys = pemBlocks(pem).filter(({ label }) => / KEY$|^CERTIFICATE$/.test(label));
  return keys.length === 0 ? [createPublicKey(pem)] : keys.map(({ text }) => createPublicKey(text));
}

function trusted(key: KeyObject): TrustedKey {
  return { key, id: jwtKeyId(key) };
}
