/**
 * Asks other servers what the cluster does not know, as CoreDNS's plug-in `forward` with kubeadm's
 * Corefile: any server that is not known to be down, the next one when it is silent, for five seconds.
 * Answers are passed on whatever they say. Equal questions that are under way at the same time are
 * asked once.
 */
import { cacheKey } from './cache.ts';
import { ask, type Exchange, type Reply } from './exchange.ts';
import type { DnsMetrics } from './metrics.ts';
import { type UpstreamAddress, upstreamText } from './upstream-address.ts';
import type { Upstreams } from './upstreams.ts';
import type { Query } from './wire.ts';

/** Clients wait 5 s by default. */
const DEADLINE_MS = 5_000;
const ATTEMPT_TIMEOUT_MS = 2_000;
/** More than fit the deadline: for servers that fail at once. */
const ATTEMPTS_MAX = 6;
/** Queries that wait for other servers; more are refused at once (`max_concurrent`). */
export const CONCURRENT_MAX = 1_000;

export interface ForwarderOptions extends Exchange {
  /** The servers for a name, asked for before each question. */
  readonly servers: (name: string) => readonly UpstreamAddress[];
  readonly upstreams: Pick<Upstreams, 'candidates' | 'isDown' | 'failed'>;
  readonly metrics: DnsMetrics;
}

/** `failed`: nobody answered; `rejected`: too many queries wait already. */
export type Forwarded = Reply | 'failed' | 'rejected';

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #underWay = new Map<string, Promise<Reply | undefined>>();
  #waiting = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** Another server's answer to `query`, as that server sent it. */
  async forward(query: Query): Promise<Forwarded> {
    if (this.#waiting >= CONCURRENT_MAX) {
      this.#options.metrics.rejected();
      return 'rejected';
    }
    this.#waiting++;
    try {
      return (await this.#shared(query)) ?? 'failed';
    } finally {
      this.#waiting--;
    }
  }

  #shared(query: Query): Promise<Reply | undefined> {
    const key = `${query.edns === undefined ? '' : 'e'}${cacheKey(query)}`;
    const known = this.#underWay.get(key);
    if (known !== undefined) return known;
    const pending = this.#ask(query).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, pending);
    return pending;
  }

  async #ask(query: Query): Promise<Reply | undefined> {
    const { environment, servers, upstreams, metrics } = this.#options;
    const { clock } = environment;
    const endMs = clock.monotonicMs() + DEADLINE_MS;
    const all = upstreams.candidates(servers(query.name));
    const up = all.filter((server) => !upstreams.isDown(server));
    if (up.length === 0 && all.length > 0) metrics.allDown();
    // When all are down, the checks may be what is wrong.
    const order = up.length === 0 ? all : up;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const server = order[attempt % order.length];
      const startedMs = clock.monotonicMs();
      if (server === undefined || startedMs >= endMs) return undefined;
      const timeoutMs = Math.min(ATTEMPT_TIMEOUT_MS, endMs - startedMs);
      const reply = await ask(this.#options, server, query, timeoutMs).catch(() => undefined);
      if (reply !== undefined) {
        const seconds = (clock.monotonicMs() - startedMs) / 1000;
        metrics.forwarded(upstreamText(server), reply.answer.rcode, seconds);
        return reply;
      }
      upstreams.failed(server);
    }
    return undefined;
  }
}
