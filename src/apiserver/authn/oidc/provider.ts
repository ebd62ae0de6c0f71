/**
 * An OpenID provider: what it says of itself, and tokens that it signed.
 *
 * Source: OpenID Connect Discovery 1.0; upstream's vendored github.com/coreos/go-oidc (oidc.go,
 * verify.go).
 */
import { messageOf } from '#base/error.ts';
import { JWT_ALGORITHMS, type Jwt, parseJwt } from '#base/jwt.ts';
import { fetchText, type IssuerRoad } from './fetch.ts';
import { type KeyObserver, KeySet } from './key-set.ts';

const WELL_KNOWN = '/.well-known/openid-configuration';
/** The clock of the issuer may be ahead by so much. */
const LEEWAY_SECONDS = 60;

export interface ProviderOptions {
  readonly road: IssuerRoad;
  /** As it stands in tokens. */
  readonly issuer: string;
  /** Where it says what it is; below the issuer unless given. */
  readonly discoveryUrl?: string;
  readonly observe?: KeyObserver;
}

export interface TokenRules {
  readonly audiences: readonly string[];
  /** All of `JWT_ALGORITHMS` unless given. */
  readonly algorithms?: readonly string[];
}

export type TokenClaims = Jwt['claims'];

export class Provider {
  readonly #road: IssuerRoad;
  readonly #issuer: string;
  readonly #keys: KeySet;

  private constructor({ road, issuer }: ProviderOptions, keys: KeySet) {
    this.#road = road;
    this.#issuer = issuer;
    this.#keys = keys;
  }

  /** Asks the issuer where its keys are. Throws when it does not say, or says it of another. */
  static async discover(options: ProviderOptions): Promise<Provider> {
    const { road, issuer, discoveryUrl = '' } = options;
    const url = discoveryUrl === '' ? `${issuer.replace(/\/$/, '')}${WELL_KNOWN}` : discoveryUrl;
    const { text } = await fetchText(road, url);
    let found: { readonly issuer?: unknown; readonly jwks_uri?: unknown };
    try {
      found = JSON.parse(text) as typeof found;
    } catch (error) {
      throw new Error(`oidc: failed to decode provider discovery object: ${messageOf(error)}`, {
        cause: error,
      });
    }
    if (found.issuer !== issuer)
      throw new Error(
        `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(found.issuer ?? '')}`,
      );
    if (typeof found.jwks_uri !== 'string' || found.jwks_uri === '')
      throw new Error('provider did not return JWKS URL');
    return new Provider(options, new KeySet(road, found.jwks_uri, options.observe));
  }

  /** What the token says, once it is sure that the issuer says so, now, to one of `audiences`. */
  async verify(token: string, { audiences, algorithms = JWT_ALGORITHMS }: TokenRules) {
    const jwt = parseJwt(token);
    if (jwt === undefined) throw new Error('oidc: malformed jwt');
    const { claims, algorithm } = jwt;
    this.#checkClaims(claims, audiences);
    if (!algorithms.includes(algorithm))
      throw new Error(
        `oidc: id token signed with unsupported algorithm, expected ${goList(algorithms)} got ${JSON.stringify(algorithm)}`,
      );
    try {
      await this.#keys.check(jwt);
    } catch (error) {
      throw new Error(`failed to verify signature: ${messageOf(error)}`, { cause: error });
    }
    return claims;
  }

  #checkClaims(claims: TokenClaims, audiences: readonly string[]): void {
    const issuer = issuerOf(claims);
    if (issuer !== this.#issuer)
      throw new Error(
        `oidc: id token issued by a different provider, expected ${JSON.stringify(this.#issuer)} got ${JSON.stringify(issuer)}`,
      );
    const { aud, exp, nbf } = claims;
    const meant = texts(aud);
    if (!meant.some((audience) => audiences.includes(audience)))
      throw new Error(
        `oidc: expected audience in ${goList(audiences.toSorted())} got ${goList(meant)}`,
      );
    const nowSeconds = this.#road.environment.clock.now() / 1000;
    if (typeof exp !== 'number' || exp < nowSeconds)
      throw new Error(`oidc: token is expired (Token Expiry: ${timeOf(exp)})`);
    if (typeof nbf === 'number' && nowSeconds + LEEWAY_SECONDS < nbf)
      throw new Error(
        `oidc: current time ${timeOf(nowSeconds)} before the nbf (not before) time: ${timeOf(nbf)}`,
      );
  }
}

/** Of a token that nobody has checked yet; empty where it says none. */
export function untrustedIssuer(token: string): string {
  const jwt = parseJwt(token);
  return jwt === undefined ? '' : issuerOf(jwt.claims);
}

/** Google once left out the scheme. */
function issuerOf({ iss }: TokenClaims): string {
  const issuer = typeof iss === 'string' ? iss : '';
  return issuer === 'accounts.google.com' ? 'https://accounts.google.com' : issuer;
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function goList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}

function timeOf(seconds: unknown): string {
  const ms = typeof seconds === 'number' ? seconds * 1000 : Number.NaN;
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : '0001-01-01 00:00:00 +0000 UTC';
}
