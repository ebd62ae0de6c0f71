/**
 * The issuers of tokens that a configuration names. Each is on its own: one that cannot be reached
 * refuses its own tokens and stops nobody else's.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go,
 * pkg/kubeapiserver/authenticator/config.go (newJWTAuthenticator, updateAuthenticationConfig).
 */
import type { JwtAuthenticatorConfig } from '#api/apiserver-config/authentication-types.ts';
import { type CompiledMappings, compileMappings } from '#api/apiserver-config/claim-mapping.ts';
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { IssuerMetrics } from '../../metrics/issuer-metrics.ts';
import type { BackendConnector } from '../../proxy/transport.ts';
import { type TokenIdentity, TokenError } from '../token-authenticator.ts';
import type { FarTokenAuthenticator } from '../token-cache.ts';
import { userOfClaims } from './claim-user.ts';
import { DistributedClaims } from './distributed-claims.ts';
import type { IssuerRoad } from './fetch.ts';
import { Provider, type TokenRules, untrustedIssuer } from './provider.ts';

const RETRY_MS = 10_000;
/** A new configuration holds when all its issuers answer within this. */
const UPDATE_MS = 60_000;
/** What is under way when a configuration ends may end itself. */
const GRACE_MS = 60_000;

export interface IssuerServices {
  readonly environment: Environment;
  readonly backends: BackendConnector;
  readonly metrics: IssuerMetrics;
  /** Audiences of this server: whom it believes at all is meant for it. */
  readonly ownAudiences: readonly string[];
  /** Algorithms that may sign; all unless given. */
  readonly algorithms?: readonly string[];
  /** Aborted when the server ends. */
  readonly signal: AbortSignal;
}

/** One issuer. */
class Issuer {
  readonly #config: JwtAuthenticatorConfig;
  readonly #compiled: CompiledMappings;
  readonly #road: IssuerRoad;
  readonly #rules: TokenRules;
  readonly #distributed: DistributedClaims | undefined;
  readonly #services: IssuerServices;
  #provider: Provider | undefined;
  #fault: string;

  constructor(config: JwtAuthenticatorConfig, services: IssuerServices, signal: AbortSignal) {
    const { issuer, claimMappings } = config;
    const { environment, backends, algorithms } = services;
    this.#config = config;
    this.#services = services;
    ({ compiled: this.#compiled } = compileMappings(config));
    this.#road = { environment, backends, authority: issuer.certificateAuthority, signal };
    this.#rules = {
      audiences: issuer.audiences,
      ...(algorithms === undefined ? {} : { algorithms }),
    };
    const { claim } = claimMappings.groups;
    if (claim !== '') this.#distributed = new DistributedClaims(this.#road, this.#rules, claim);
    this.#fault = `oidc: authenticator for issuer ${JSON.stringify(issuer.url)} is not initialized`;
  }

  get url(): string {
    return this.#config.issuer.url;
  }

  /** Why it believes nobody yet; undefined: it does. */
  get fault(): string | undefined {
    return this.#provider === undefined ? this.#fault : undefined;
  }

  /** Asks the issuer until it answers. Never rejects. */
  async start(): Promise<void> {
    const { environment, signal } = this.#road;
    const { url, discoveryURL } = this.#config.issuer;
    const observe = (text: string | undefined): void => {
      if (!signal.aborted) this.#services.metrics.fetched(url, text);
    };
    while (!signal.aborted) {
      try {
        const options = { road: this.#road, issuer: url, discoveryUrl: discoveryURL, observe };
        this.#provider = await Provider.discover(options);
        return;
      } catch (error) {
        this.#fault = `oidc: authenticator for issuer ${JSON.stringify(url)} is not healthy: ${messageOf(error)}`;
        environment.log.error('cannot reach an issuer of tokens', {
          issuer: url,
          error: messageOf(error),
        });
      }
      await sleep(environment, RETRY_MS, signal);
    }
  }

  async identify(token: string): Promise<TokenIdentity['user']> {
    const { clock } = this.#road.environment;
    const start = clock.monotonicMs();
    let result = 'failure';
    try {
      const user = await this.#userOf(token);
      result = 'success';
      return user;
    } finally {
      this.#services.metrics.authenticated(result, this.url, clock.monotonicMs() - start);
    }
  }

  async #userOf(token: string): Promise<TokenIdentity['user']> {
    const provider = this.#provider;
    if (provider === undefined) throw new Error('oidc: authenticator not initialized');
    const own = await provider.verify(token, this.#rules).catch((error: unknown): never => {
      throw new Error(`oidc: verify token: ${messageOf(error)}`, { cause: error });
    });
    const claims = await (this.#distributed?.expand(own) ?? Promise.resolve(own)).catch(
      (error: unknown): never => {
        throw new Error(`oidc: could not expand distributed claims: ${messageOf(error)}`, {
          cause: error,
        });
      },
    );
    return userOfClaims(this.#config, this.#compiled, claims);
  }
}

/** All issuers of one configuration. */
class IssuerSet {
  readonly issuers: readonly Issuer[];
  readonly #end = new AbortController();

  constructor(configs: readonly JwtAuthenticatorConfig[], services: IssuerServices) {
    const { signal } = this.#end;
    services.signal.addEventListener('abort', () => this.#end.abort(), { once: true, signal });
    this.issuers = configs.map((config) => new Issuer(config, services, signal));
    for (const issuer of this.issuers) void issuer.start();
  }

  get faults(): string[] {
    return this.issuers.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
  }

  end(): void {
    this.#end.abort();
  }
}

export class Issuers {
  readonly #services: IssuerServices;
  #set: IssuerSet;
  #updates: Promise<unknown> = Promise.resolve();

  constructor(configs: readonly JwtAuthenticatorConfig[], services: IssuerServices) {
    this.#services = services;
    this.#set = new IssuerSet(configs, services);
  }

  /** Tokens of issuers that are named. Never undefined for one of these: it is good, or an error. */
  readonly authenticate: FarTokenAuthenticator = async (token, { audiences: wanted }) => {
    const { ownAudiences } = this.#services;
    const audiences = ownAudiences.filter((audience) => wanted.includes(audience));
    const url = audiences.length === 0 ? '' : untrustedIssuer(token);
    const issuer = this.#set.issuers.find((one) => one.url === url);
    if (issuer === undefined) return undefined;
    try {
      return { user: await issuer.identify(token), audiences };
    } catch (error) {
      throw new TokenError(messageOf(error), { cause: error });
    }
  };

  /**
   * Other issuers from now on, once all of them answer; throws when one does not in a minute, and
   * those of before stay. One update comes after the other.
   */
  update(configs: readonly JwtAuthenticatorConfig[]): Promise<void> {
    const update = this.#updates.then(() => this.#update(configs));
    this.#updates = update.catch(() => {});
    return update;
  }

  async #update(configs: readonly JwtAuthenticatorConfig[]): Promise<void> {
    const { environment, metrics, signal } = this.#services;
    const next = new IssuerSet(configs, this.#services);
    const limit = timeoutSignal(environment, UPDATE_MS, signal);
    // What answers at once holds at once.
    for (let waitMs = 0; next.faults.length > 0; waitMs = Math.min(waitMs + 1000, RETRY_MS)) {
      if (limit.signal.aborted) {
        next.end();
        throw new Error(next.faults.join(', '));
      }
      await sleep(environment, waitMs, limit.signal);
    }
    limit.release();
    const old = this.#set;
    this.#set = next;
    const gone = old.issuers.filter(({ url }) => next.issuers.every((one) => one.url !== url));
    environment.timers.after(GRACE_MS, () => {
      old.end();
      for (const { url } of gone) metrics.forget(url);
    });
  }
}
