/**
 * Claims that a token does not hold but names: another server has them, in a token of its own.
 *
 * Source: OpenID Connect Core 1.0, 5.6.2; upstream v1.36
 * staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go (claimResolver).
 */
import { sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import { fetchText, type IssuerRoad } from './fetch.ts';
import { Provider, type TokenClaims, type TokenRules, untrustedIssuer } from './provider.ts';

/** Issuers of such claims that are known; more are refused. */
const ISSUERS_MAX = 64;
const RETRY_MS = 10_000;

export class DistributedClaims {
  readonly #road: IssuerRoad;
  readonly #rules: TokenRules;
  readonly #claim: string;
  readonly #providers = new Map<string, { provider?: Provider; readonly first: Promise<void> }>();

  /** `claim`: the one that is looked up so. */
  constructor(road: IssuerRoad, rules: TokenRules, claim: string) {
    this.#road = road;
    this.#rules = rules;
    this.#claim = claim;
  }

  /** The claims, with the one that lies elsewhere. Throws when it should be there and is not. */
  async expand(claims: TokenClaims): Promise<TokenClaims> {
    const claim = this.#claim;
    const { _claim_names: names, _claim_sources: sources } = claims;
    if (Object.hasOwn(claims, claim) || names === undefined) return claims;
    if (!isTexts(names as Json)) throw new Error('oidc: error parsing distributed claim names');
    if (sources === undefined) throw new Error('oidc: no claim sources');
    if (!isJsonObject(sources as Json)) throw new Error('oidc: could not parse claim sources');
    const source = (names as Readonly<Record<string, string>>)[claim];
    if (source === undefined) return claims;
    const endpoint = (sources as Readonly<Record<string, unknown>>)[source];
    if (endpoint === undefined)
      throw new Error(
        `id token _claim_names contained a source ${source} missing in _claims_sources`,
      );
    const { endpoint: url, access_token: token } = endpoint as Readonly<Record<string, unknown>>;
    if (typeof url !== 'string' || url === '') return claims;
    const value = await this.#resolve(url, typeof token === 'string' ? token : '');
    return { ...claims, [claim]: value };
  }

  async #resolve(url: string, accessToken: string): Promise<unknown> {
    const claim = this.#claim;
    const headers = accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` };
    const { text } = await fetchText(this.#road, url, headers).catch((error: unknown): never => {
      throw new Error(
        `while getting distributed claim ${JSON.stringify(claim)}: ${messageOf(error)}`,
        { cause: error },
      );
    });
    const token = text.trim();
    const issuer = untrustedIssuer(token);
    if (issuer === '')
      throw new Error(
        `getting untrusted issuer from endpoint ${url} failed for claim ${JSON.stringify(claim)}: malformed token`,
      );
    const provider = await this.#providerOf(issuer);
    if (provider === undefined)
      throw new Error(
        `verifying untrusted issuer ${issuer} failed: verifier not initialized for issuer: ${JSON.stringify(issuer)}`,
      );
    const found = await provider.verify(token, this.#rules).catch((error: unknown): never => {
      throw new Error(`verify distributed claim token: ${messageOf(error)}`, { cause: error });
    });
    if (Object.hasOwn(found, claim)) return found[claim];
    throw new Error(
      `jwt returned by distributed claim endpoint ${JSON.stringify(url)} did not contain claim: ${claim}`,
    );
  }

  /** Asked the first time, an issuer is waited for; one that does not answer is asked on and on. */
  async #providerOf(issuer: string): Promise<Provider | undefined> {
    let known = this.#providers.get(issuer);
    if (known === undefined) {
      if (this.#providers.size >= ISSUERS_MAX) return undefined;
      const first = Promise.withResolvers<void>();
      const made: { provider?: Provider; readonly first: Promise<void> } = { first: first.promise };
      known = made;
      this.#providers.set(issuer, made);
      void this.#discover(issuer, (provider) => {
        if (provider !== undefined) made.provider = provider;
        first.resolve();
      });
    }
    await known.first;
    return known.provider;
  }

  async #discover(issuer: string, tried: (provider: Provider | undefined) => void): Promise<void> {
    const { environment, signal } = this.#road;
    while (!signal.aborted) {
      try {
        tried(await Provider.discover({ road: this.#road, issuer }));
        return;
      } catch (error) {
        environment.log.error('cannot reach an issuer of distributed claims', {
          issuer,
          error: messageOf(error),
        });
        tried(undefined);
      }
      await sleep(environment, RETRY_MS, signal);
    }
  }
}

function isTexts(value: Json): boolean {
  return isJsonObject(value) && Object.values(value).every((one) => typeof one === 'string');
}
