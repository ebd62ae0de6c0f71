/**
 * Service-account tokens: JWTs that this server signs and checks.
 *
 * A token is bound: it names the service account by uid and, where asked, the pod or node it was
 * made for, and it is worth nothing once one of these is gone.
 * Source: RFC 7519, RFC 7515 (ES256/RS256); KEP-1205; upstream pkg/serviceaccount.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import type { HttpRequest } from '#base/http/message.ts';
import { unauthorized } from '#api/meta/status.ts';
import type { ObjectReader } from '../admission/admission.ts';
import type { User } from '../context.ts';
import { type Authenticator, bearerToken } from './authenticator.ts';

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
  readonly #public: KeyObject;
  readonly #algorithm: 'ES256' | 'RS256';
  readonly keyId: string;

  /** Keys that tokens may be signed with, ours first. */
  readonly #trusted: readonly TrustedKey[];

  /**
   * `key`: a PEM private key, EC P-256 or RSA. `trustedKeys`: PEM keys, public or private, whose
   * tokens are believed too: those of other API servers, or of before.
   */
  constructor(options: {
    issuer: string;
    audiences: readonly string[];
    key: string;
    trustedKeys?: readonly string[];
  }) {
    this.issuer = options.issuer;
    this.audiences = options.audiences;
    this.#private = createPrivateKey(options.key);
    this.#public = createPublicKey(this.#private);
    const own = trusted(this.#public);
    this.#algorithm = own.algorithm;
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
    const head = encode({ alg: this.#algorithm, kid: this.keyId });
    const body = encode(claims);
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
      key: this.#private,
      dsaEncoding: 'ieee-p1363',
    });
    return {
      token: `${head}.${body}.${signature.toString('base64url')}`,
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
    if (claims?.iss !== this.issuer) return undefined;
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
    if (!valid || (claims.exp ?? 0) <= nowSeconds || (claims.nbf ?? 0) > nowSeconds + 10)
      return undefined;
    return claims;
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
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    key,
    algorithm: key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256',
    id: createHash('sha256').update(der).digest('base64url'),
  };
}

/** Who sends a request with a token of ours; 401 when the token is ours but no longer good. */
export function tokenAuthenticator(
  tokens: ServiceAccountTokens,
  reader: ObjectReader,
  nowMs: () => number,
): Authenticator {
  return (request: HttpRequest) => {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    const user = reviewToken({
      token,
      audiences: tokens.audiences,
      tokens,
      reader,
      nowMs: nowMs(),
    });
    if (user === undefined) throw unauthorized();
    return user;
  };
}

/** The user of a token in force for one of `audiences`, or undefined. */
export function reviewToken(options: {
  token: string;
  audiences: readonly string[];
  tokens: ServiceAccountTokens;
  reader: ObjectReader;
  nowMs: number;
}): User | undefined {
  const claims = options.tokens.verify(options.token, options.nowMs);
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

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
