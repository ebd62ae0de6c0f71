/** The resolvers of the node as addresses, read again when a second has passed: its file may change. */
import type { Environment } from '#base/env.ts';
import { parseUpstream, type UpstreamAddress } from './upstream-address.ts';

const KEPT_MS = 1_000;

export interface NodeResolversOptions {
  readonly environment: Environment;
  /** Addresses, in order. */
  resolvers(): readonly string[];
  /** Instead of 53. */
  readonly resolverPort?: number;
}

export class NodeResolvers {
  readonly #options: NodeResolversOptions;
  #known: readonly UpstreamAddress[] = [];
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(options: NodeResolversOptions) {
    this.#options = options;
  }

  addresses(): readonly UpstreamAddress[] {
    const { environment, resolverPort } = this.#options;
    const nowMs = environment.clock.monotonicMs();
    if (nowMs - this.#readMs < KEPT_MS) return this.#known;
    this.#readMs = nowMs;
    this.#known = this.#options.resolvers().flatMap((text) => {
      const address = parseUpstream(text);
      if (address === undefined) return [];
      return [resolverPort === undefined ? address : { ...address, port: resolverPort }];
    });
    return this.#known;
  }
}
