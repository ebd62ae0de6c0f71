/**
 * How it goes with issuers of tokens. Of issuers and of this server hashes are shown.
 *
 * Source: upstream v1.36
 * staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/metrics.go.
 */
import type { Clock } from '#base/env.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import { hashLabel } from './config-metrics.ts';

const PREFIX = 'apiserver_authentication_jwt_authenticator';
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class IssuerMetrics {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #latency: Histogram;
  readonly #lastFetch: Counter;
  /** Hashes of key sets by hashes of issuers. */
  readonly #keySets = new Map<string, string>();

  constructor(registry: MetricRegistry, clock: Clock, serverId: string) {
    this.#clock = clock;
    this.#server = hashLabel(serverId);
    this.#latency = registry.histogram(
      alpha(
        `${PREFIX}_latency_seconds`,
        'How long it takes to see whom a token stands for that is not remembered.',
        'result',
        'jwt_issuer_hash',
      ),
      BUCKETS,
    );
    this.#lastFetch = registry.gauge(
      alpha(
        `${PREFIX}_jwks_fetch_last_timestamp_seconds`,
        'When the keys of an issuer were fetched last.',
        'result',
        'jwt_issuer_hash',
        'apiserver_id_hash',
      ),
    );
    registry.observed(
      alpha(
        `${PREFIX}_jwks_fetch_last_key_set_info`,
        'The hash of the keys of an issuer that were fetched last.',
        'jwt_issuer_hash',
        'apiserver_id_hash',
        'hash',
      ),
      () => Array.from(this.#keySets, ([issuer, hash]) => [[issuer, this.#server, hash], 1]),
    );
  }

  /** A token was looked at. `result`: success or failure. */
  authenticated(result: string, issuer: string, tookMs: number): void {
    this.#latency.observe([result, hashLabel(issuer)], tookMs / 1000);
  }

  /** The keys of an issuer were fetched; undefined: they could not be. */
  fetched(issuer: string, text: string | undefined): void {
    const hash = hashLabel(issuer);
    const result = text === undefined ? 'failure' : 'success';
    this.#lastFetch.set([result, hash, this.#server], this.#clock.now() / 1000);
    if (text !== undefined) this.#keySets.set(hash, hashLabel(text));
  }

  /** An issuer is believed no longer. */
  forget(issuer: string): void {
    const hash = hashLabel(issuer);
    this.#keySets.delete(hash);
    for (const result of ['success', 'failure'])
      this.#lastFetch.remove([result, hash, this.#server]);
  }
}
