/**
 * What is known of the servers that questions are forwarded to: which of them are down, and which
 * send our own questions back to us. As CoreDNS's plug-ins `forward` (health) and `loop`, but that
 * a loop takes the one server out, where CoreDNS ends the process.
 *
 * After a question without an answer a server is checked every half second until it answers; after
 * two checks without an answer it counts as down. A server is asked a question of its own when it is
 * first used, and each minute while it loops: whoever gets that question from the network knows.
 */
import { sleep } from '#base/env.ts';
import { shuffled } from '#base/shuffle.ts';
import { askUdp, type Exchange } from './exchange.ts';
import { encodeQuery } from './encode.ts';
import type { DnsMetrics } from './metrics.ts';
import { type UpstreamAddress, upstreamText } from './upstream-address.ts';
import { decodeQuery, type Query, TYPE } from './wire.ts';

const CHECK_INTERVAL_MS = 500;
const CHECK_TIMEOUT_MS = 1_000;
const FAILURES_MAX = 2;
const PROBE_TIMEOUT_MS = 2_000;
const LOOP_MS = 60_000;
/** Servers that something is known of; beyond it all is forgotten, and learned anew. */
const SERVERS_MAX = 2_000;

interface Server {
  failures: number;
  isChecked: boolean;
  /** Monotonic. */
  loopsUntilMs: number;
  /** Forgotten: its checks end. */
  isGone: boolean;
}

export interface UpstreamsOptions extends Exchange {
  readonly metrics: DnsMetrics;
  /** Ends the checks. */
  readonly signal: AbortSignal;
}

export class Upstreams {
  readonly #options: UpstreamsOptions;
  readonly #servers = new Map<string, Server>();
  /** Questions of ours that should never come back, and whom they were sent to. */
  readonly #probes = new Map<string, { readonly server: Server; readonly to: string }>();

  constructor(options: UpstreamsOptions) {
    this.#options = options;
  }

  /** Those of `addresses` that do not loop, in random order. */
  candidates(addresses: readonly UpstreamAddress[]): UpstreamAddress[] {
    const { clock, random } = this.#options.environment;
    const nowMs = clock.monotonicMs();
    const usable = addresses.filter((address) => this.#of(address).loopsUntilMs <= nowMs);
    return shuffled(usable, random);
  }

  isDown(address: UpstreamAddress): boolean {
    return this.#of(address).failures >= FAILURES_MAX;
  }

  /** A question to it had no answer: it is checked from now on, until it answers. */
  failed(address: UpstreamAddress): void {
    const server = this.#of(address);
    if (server.isChecked) return;
    server.isChecked = true;
    this.#check(address, server).catch((error: unknown) =>
      this.#log('health check failed', address, error),
    );
  }

  /** Whether `query` is a question of ours that somebody sent back to us. */
  isOwn(query: Query): boolean {
    const probe = query.type === TYPE.HINFO ? this.#probes.get(query.name) : undefined;
    if (probe === undefined) return false;
    this.#probes.delete(query.name);
    const { clock, log } = this.#options.environment;
    probe.server.loopsUntilMs = clock.monotonicMs() + LOOP_MS;
    log.error('resolver sends our questions back to us, and is left out', { resolver: probe.to });
    return true;
  }

  /** Other servers are configured. */
  forget(): void {
    for (const server of this.#servers.values()) server.isGone = true;
    this.#servers.clear();
    this.#probes.clear();
  }

  #of(address: UpstreamAddress): Server {
    const key = upstreamText(address);
    const known = this.#servers.get(key);
    const nowMs = this.#options.environment.clock.monotonicMs();
    if (known !== undefined) {
      const isDue = known.loopsUntilMs > 0 && known.loopsUntilMs <= nowMs;
      if (isDue) this.#startProbe(address, known);
      return known;
    }
    if (this.#servers.size >= SERVERS_MAX) this.forget();
    const server = { failures: 0, isChecked: false, loopsUntilMs: 0, isGone: false };
    this.#servers.set(key, server);
    this.#startProbe(address, server);
    return server;
  }

  #startProbe(address: UpstreamAddress, server: Server): void {
    server.loopsUntilMs = 0;
    this.#probe(address, server).catch((error: unknown) =>
      this.#log('loop check failed', address, error),
    );
  }

  async #probe(address: UpstreamAddress, server: Server): Promise<void> {
    const { random } = this.#options.environment;
    const label = (): string => Buffer.from(random.bytes(8)).toString('hex');
    const name = `${label()}.${label()}`;
    this.#probes.set(name, { server, to: upstreamText(address) });
    try {
      await askUdp(this.#options, address, ownQuery(name, TYPE.HINFO), PROBE_TIMEOUT_MS);
    } finally {
      this.#probes.delete(name);
    }
  }

  async #check(address: UpstreamAddress, server: Server): Promise<void> {
    const { environment, metrics, signal } = this.#options;
    while (!server.isGone && !signal.aborted) {
      const reply = await askUdp(
        this.#options,
        address,
        ownQuery('', TYPE.NS),
        CHECK_TIMEOUT_MS,
      ).catch(() => undefined);
      if (reply !== undefined) break;
      server.failures++;
      metrics.unhealthy(upstreamText(address));
      await sleep(environment, CHECK_INTERVAL_MS, signal);
    }
    server.failures = 0;
    server.isChecked = false;
  }

  #log(message: string, address: UpstreamAddress, error: unknown): void {
    this.#options.environment.log.debug(message, {
      resolver: upstreamText(address),
      error: String(error),
    });
  }
}

/** A query as if a client had asked it. */
export function ownQuery(name: string, type: number): Query {
  const query = decodeQuery(encodeQuery({ id: 0, name, type }));
  if (query === undefined || 'rcode' in query)
    throw new RangeError(`Cannot ask for ${JSON.stringify(name)}: not a name`);
  return query;
}
