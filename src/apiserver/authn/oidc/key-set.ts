/**
 * The keys of an issuer. They are fetched when a token shows one that is not known; who asks
 * meanwhile waits for the same answer. As long as the issuer said that its keys hold, nothing is
 * fetched, and while it cannot be reached the keys that are known are good.
 *
 * Source: upstream's vendored github.com/coreos/go-oidc/jwks.go; RFC 7517; RFC 9111 for how long
 * an answer is fresh.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Headers } from '#base/http/message.ts';
import { isSignedBy, type Jwt } from '#base/jwt.ts';
import { type Fetched, fetchText, type IssuerRoad } from './fetch.ts';

/** Keys are fetched again so long before they end. */
const EARLY_MS = 30_000;
/** More keys of one issuer are not looked at. */
const KEYS_MAX = 128;

interface IssuerKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Is told of each time that keys were fetched: the text, or that it failed. */
export type KeyObserver = (text: string | undefined) => void;

export class KeySet {
  readonly #road: IssuerRoad;
  readonly #url: string;
  readonly #observe: KeyObserver;
  #keys: readonly IssuerKey[] = [];
  #freshToMs = 0;
  #fetching: Promise<readonly IssuerKey[]> | undefined;

  constructor(road: IssuerRoad, url: string, observe: KeyObserver = () => {}) {
    this.#road = road;
    this.#url = url;
    this.#observe = observe;
  }

  /** Throws when no key of the issuer signed the token. */
  async check(jwt: Jwt): Promise<void> {
    if (isSigned(jwt, this.#keys)) return;
    const { clock } = this.#road.environment;
    const isFresh = clock.now() + EARLY_MS <= this.#freshToMs;
    if (!isFresh && isSigned(jwt, await this.#fetch())) return;
    throw new Error('failed to verify id token signature');
  }

  #fetch(): Promise<readonly IssuerKey[]> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<readonly IssuerKey[]> {
    let fetched: Fetched | undefined;
    try {
      fetched = await fetchText(this.#road, this.#url);
      this.#keys = keysOf(fetched.text);
    } catch (error) {
      this.#observe(undefined);
      const what = fetched === undefined ? 'get keys failed' : 'failed to decode keys:';
      throw new Error(`fetching keys oidc: ${what} ${messageOf(error)}`, { cause: error });
    }
    this.#freshToMs = freshTo(fetched.headers, this.#road.environment.clock);
    this.#observe(fetched.text);
    return this.#keys;
  }
}

function isSigned(jwt: Jwt, keys: readonly IssuerKey[]): boolean {
  return keys.some(({ id, key }) => (jwt.keyId === '' || id === jwt.keyId) && isSignedBy(jwt, key));
}

/** Keys of kinds that sign no tokens here are passed over. */
function keysOf(text: string): IssuerKey[] {
  const { keys } = JSON.parse(text) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('there is no list of keys');
  return keys.slice(0, KEYS_MAX).flatMap((jwk: unknown) => {
    const { kty, kid, use } = jwk as Readonly<Record<string, unknown>>;
    if ((kty !== 'RSA' && kty !== 'EC') || (use !== undefined && use !== 'sig')) return [];
    try {
      const key = createPublicKey({ key: jwk as object, format: 'jwk' });
      return [{ id: typeof kid === 'string' ? kid : '', key }];
    } catch {
      return [];
    }
  });
}

/** Until when an answer is fresh, in milliseconds since 1970; what says nothing is so no longer. */
function freshTo(headers: Headers, clock: Clock): number {
  const directives = (headers['cache-control'] ?? '').toLowerCase();
  if (/\bno-(?:store|cache)\b/.test(directives)) return 0;
  const [, seconds] = /\bmax-age="?(\d+)/.exec(directives) ?? [];
  if (seconds !== undefined)
    return clock.now() + (Number(seconds) - Number(headers['age'] ?? '0')) * 1000;
  const expires = Date.parse(headers['expires'] ?? '');
  return Number.isNaN(expires) ? 0 : expires;
}
