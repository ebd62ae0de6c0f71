/**
 * Service-account tokens: JWTs that this server signs and checks.
 *
 * A token is bound: it names the service account by uid and, where asked, the pod or node it was
 * made for, and it is worth nothing once one of these is gone.
 * Source: RFC 7519, RFC 7515 (ES256/RS256); KEP-1205; upstream pkg/serviceaccount.
 */
import { createPrivateKey, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Secret } from '#api/gen/core-v1.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { jwtAlgorithm, jwtKeyId, signJwt } from '#base/jwt.ts';
import { unauthorized } from '#api/meta/status.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { User } from '../context.ts';
import { type Authenticator, bearerToken } from './authenticator.ts';
import { LEGACY_ISSUER, type LegacyToken, legacyToken, withUse } from './legacy-tokens.ts';

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
  readonly boundTo?: BoundObject;
  /** The node of the pod that the token is bound to. */
  readonly node?: { readonly name: string; readonly uid: string };
  readonly tokenId: string;
}

interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: readonly string[] | string;
  readonly exp?: number;
  readonly nbf?: number;
  readonly jti?: string;
  readonly 'kubernetes.io'?: {
    readonly namespace: string;
    readonly serviceaccount: { name: string; uid: string };
    readonly pod?: { name: string; uid: string };
    readonly secret?: { name: string; uid: string };
    readonly node?: { name: string; uid: string };
  };
}

export class ServiceAccountTokens {
  readonly issuer: string;
  /** The audiences that a request to this server must name one of. */
  readonly audiences: readonly string[];
  readonly #private: KeyObject;
  readonly keyId: string;

  /** Keys that tokens may be signed with, ours first. */
  readonly #trusted: readonly TrustedKey[];
  readonly #noteUse: ((secret: Secret) => void) | undefined;

  /**
   * `key`: a PEM private key, EC P-256 or RSA. `trustedKeys`: PEM keys, public or private, whose
   * tokens are believed too: those of other API servers, or of before. `noteUse`: stores a Secret
   * on which it is noted that its token was used.
   */
  constructor(options: {
    issuer: string;
    audiences: readonly string[];
    key: string;
    trustedKeys?: readonly string[];
    noteUse?: (secret: Secret) => void;
  }) {
    this.#noteUse = options.noteUse;
    this.issuer = options.issuer;
    this.audiences = options.audiences;
    this.#private = createPrivateKey(options.key);
    const own = trusted(createPublicKey(this.#private));
    this.keyId = own.id;
    const others = (options.trustedKeys ?? []).map((pem) => trusted(createPublicKey(pem)));
    this.#trusted = [own, ...others.filter(({ id }) => id !== own.id)];
  }

  issue(request: TokenRequest, nowMs: number): { token: string; expiresAtMs: number } {
    const nowSeconds = Math.floor(nowMs / 1000);
    const bound = request.boundTo;
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
      },
      nbf: nowSeconds,
      sub: `system:serviceaccount:${request.namespace}:${request.serviceAccount.name}`,
    };
    return {
      token: signJwt(claims, this.#private),
      expiresAtMs: claims.exp * 1000,
    };
  }

  /** The claims of a token of ours that is in force, else undefined. Looks up no object. */
  verify(token: string, nowMs: number): Claims | undefined {
    const [head, body, signature, more] = token.split('.');
    if (head === undefined || body === undefined || signature === undefined || more !== undefined)
      return undefined;
    const header = decode(head) as { alg?: string } | undefined;
    const claims = decode(body) as Claims | undefined;
    const isLegacy = claims?.iss === LEGACY_ISSUER;
    if (claims === undefined || (claims.iss !== this.issuer && !isLegacy)) return undefined;
    const signed = Buffer.from(`${head}.${body}`);
    const valid = this.#trusted.some(
      ({ key, algorithm }) =>
        header?.alg === algorithm &&
        verify(
          'sha256',
          signed,
          { key, dsaEncoding: 'ieee-p1363' },
          Buffer.from(signature, 'base64url'),
        ),
    );
    const nowSeconds = nowMs / 1000;
    const expiry = claims.exp ?? (isLegacy ? Number.POSITIVE_INFINITY : 0);
    if (!valid || expiry <= nowSeconds || (claims.nbf ?? 0) > nowSeconds + 10) return undefined;
    return claims;
  }

  /** A token of a Secret was shown. */
  used({ secret }: LegacyToken, nowMs: number): void {
    const noted = withUse(secret, nowMs);
    if (noted !== undefined) this.#noteUse?.(noted);
  }

  /** The public key as a JSON Web Key Set (RFC 7517), for /openid/v1/jwks. */
  jwks(): object {
    return {
      keys: this.#trusted.map(({ id, algorithm, key }) => ({
        use: 'sig',
        kid: id,
        alg: algorithm,
        ...key.export({ format: 'jwk' }),
      })),
    };
  }
}

interface TrustedKey {
  readonly key: KeyObject;
  readonly algorithm: 'ES256' | 'RS256';
  readonly id: string;
}

function trusted(key: KeyObject): TrustedKey {
  return { key, algorithm: jwtAlgorithm(key), id: jwtKeyId(key) };
}

/** Who sends a request with a token of ours; 401 when the token is ours but no longer good. */
export function tokenAuthenticator(
  tokens: ServiceAccountTokens,
  reader: ObjectReader,
  nowMs: () => number,
): Authenticator {
  return (request: HttpRequest, warn) => {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    const user = reviewToken({
      token,
      audiences: tokens.audiences,
      tokens,
      reader,
      nowMs: nowMs(),
      warn,
    });
    if (user === undefined) throw unauthorized();
    return user;
  };
}

const AUTO_GENERATED =
  'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.';

interface ReviewOptions {
  readonly token: string;
  readonly audiences: readonly string[];
  readonly tokens: ServiceAccountTokens;
  readonly reader: ObjectReader;
  readonly nowMs: number;
  /** Is told what the sender should know. */
  readonly warn?: (text: string) => void;
}

/** The user of a token in force for one of `audiences`, or undefined. */
export function reviewToken(options: ReviewOptions): User | undefined {
  const claims = options.tokens.verify(options.token, options.nowMs);
  if (claims?.iss === LEGACY_ISSUER) return legacyUser(claims, options);
  const bound = claims?.['kubernetes.io'];
  if (claims === undefined || bound === undefined) return undefined;
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
  if (!audiences.some((audience) => options.audiences.includes(audience))) return undefined;
  const { namespace, serviceaccount, pod, node, secret } = bound;
  const lives = (plural: string, name: string, uid: string, within = namespace): boolean => {
    const object = options.reader.get({ group: '', plural }, within, name);
    return (
      object?.metadata?.uid === uid &&
      !isDeletedLongAgo(object.metadata.deletionTimestamp, options.nowMs)
    );
  };
  if (!lives('serviceaccounts', serviceaccount.name, serviceaccount.uid)) return undefined;
  if (pod !== undefined && !lives('pods', pod.name, pod.uid)) return undefined;
  if (secret !== undefined && !lives('secrets', secret.name, secret.uid)) return undefined;
  const extra: Record<string, readonly string[]> = {};
  if (claims.jti !== undefined)
    extra['authentication.kubernetes.io/credential-id'] = [`JTI=${claims.jti}`];
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  return serviceAccountUser(namespace, serviceaccount, extra);
}

function legacyUser(claims: Claims, options: ReviewOptions): User | undefined {
  const { token, audiences, tokens, reader, nowMs, warn } = options;
  if (!tokens.audiences.some((audience) => audiences.includes(audience))) return undefined;
  const found = legacyToken(token, { ...claims }, reader);
  if (found === undefined) return undefined;
  tokens.used(found, nowMs);
  if (found.isInvalidated) return undefined;
  if (found.isAutoGenerated) warn?.(AUTO_GENERATED);
  return serviceAccountUser(found.namespace, found.account);
}

/** Upstream honours a token for 60 s after its object's deletion timestamp. */
const LEEWAY_MS = 60_000;

function isDeletedLongAgo(deletionTimestamp: string | undefined, nowMs: number): boolean {
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + LEEWAY_MS < nowMs;
}

function serviceAccountUser(
  namespace: string,
  account: { readonly name: string; readonly uid?: string },
  extra?: Readonly<Record<string, readonly string[]>>,
): User {
  return {
    name: `system:serviceaccount:${namespace}:${account.name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    ...(account.uid === undefined ? {} : { uid: account.uid }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function decode(part: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
