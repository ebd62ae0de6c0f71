/**
 * One query in, one answer out: the cluster's own names from the view, all others from the cache or
 * other servers. Knows nothing of sockets.
 */
import type { Environment } from '#base/env.ts';
import { shuffled } from '#base/shuffle.ts';
import { answer, type Answer, type ClusterView, type Zone } from './answer.ts';
import { AnswerCache, cacheKey, keptSeconds } from './cache.ts';
import { encodeError, encodeResponse } from './encode.ts';
import { delivered, readForeignRecords, withoutEdns } from './foreign.ts';
import type { Forwarder } from './forwarder.ts';
import { hostsAnswer, type Hosts } from './hosts.ts';
import type { Asked, DnsMetrics, Plugin, Transport } from './metrics.ts';
import { ownQuery, type Upstreams } from './upstreams.ts';
import {
  CLASS_IN,
  decodeQuery,
  type DnsRecord,
  MESSAGE_BYTES_MAX,
  type Query,
  RCODE,
  TYPE,
  UDP_BYTES_DEFAULT,
} from './wire.ts';

/** An ExternalName may name another one. */
const ALIASES_MAX = 8;
/** The largest datagram that we send, whatever the client takes (RFC 6891, 6.2.5). */
const UDP_BYTES_MAX = 4_096;

/** What a configuration may change while the server runs. */
export interface ResolverSettings {
  /** Seconds that answers of other servers are kept at most; 0: they are not. */
  readonly cacheSeconds: number;
  readonly hosts: Hosts;
}

export interface ResolverOptions {
  readonly environment: Environment;
  readonly zone: Zone;
  readonly view: ClusterView & { readonly hasSynced: boolean; readonly revision: number };
  readonly forwarder: Pick<Forwarder, 'forward'>;
  readonly upstreams: Pick<Upstreams, 'isOwn'>;
  readonly metrics: DnsMetrics;
  readonly settings: () => ResolverSettings;
}

/** Where a query comes from. */
export interface Origin {
  readonly transport: Transport;
  /** Of the client's address. */
  readonly family: 4 | 6;
}

/** An answer of another server, without OPT. */
interface Foreign {
  readonly bytes: Uint8Array;
  readonly ttlOffsets: readonly number[];
  /** What all its TTLs become; 0: they stay. */
  readonly seconds: number;
}

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache: AnswerCache;

  constructor(options: ResolverOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#cache = new AnswerCache((type) => metrics.evicted(type));
    metrics.cacheSizes((type) => this.#cache.size(type));
  }

  /** Other servers are configured: what the former ones said is forgotten. */
  forget(): void {
    this.#cache.clear();
  }

  /**
   * The answer to `message`; undefined when it deserves none. Answers of the cluster come at once,
   * not as a promise: they are most of the traffic.
   */
  resolve(
    message: Uint8Array,
    { transport, family }: Origin,
  ): Uint8Array | undefined | Promise<Uint8Array> {
    const startedMs = this.#options.environment.clock.monotonicMs();
    const query = decodeQuery(message);
    if (query === undefined) return undefined;
    if ('rcode' in query) return encodeError(query, query.rcode);
    const dnssecOk = query.edns?.dnssecOk === true;
    const bytes = message.length;
    const asked: Asked = { type: query.type, transport, family, bytes, dnssecOk, startedMs };
    const refusal = refusalOf(query);
    if (refusal !== undefined) return this.#error(query, refusal, asked);
    try {
      return this.#resolve(query, asked);
    } catch (error) {
      return this.#failed(query, error, asked);
    }
  }

  #resolve(query: Query, asked: Asked): Uint8Array | Promise<Uint8Array> {
    if (this.#options.upstreams.isOwn(query))
      return this.#error(query, RCODE.refused, asked, 'loop');
    const { hosts } = this.#options.settings();
    const named = hosts.size === 0 ? undefined : hostsAnswer(query, hosts);
    if (named !== undefined) return this.#records(query, named, asked, 'hosts');
    const own = this.#own(query.name, query.type);
    if (own === 'unknown') return this.#error(query, RCODE.servFail, asked, 'kubernetes');
    if (own.kind === 'records') return this.#records(query, own, asked, 'kubernetes');
    const pending =
      own.kind === 'forward' ? this.#forward(query, asked) : this.#follow(query, own, asked);
    if (!(pending instanceof Promise)) return pending;
    return pending.catch((error: unknown) => this.#failed(query, error, asked));
  }

  #records(
    query: Query,
    own: Answer & { kind: 'records' },
    asked: Asked,
    plugin: Plugin,
  ): Uint8Array {
    const response = { ...own, answers: this.#shuffled(own.answers), authoritative: true };
    return this.#done(encodeResponse(query, response, bytesMaxOf(query, asked)), asked, plugin);
  }

  #error(query: Query, rcode: number, asked: Asked, plugin: Plugin = ''): Uint8Array {
    return this.#done(encodeError(query, rcode), asked, plugin);
  }

  #failed(query: Query, error: unknown, asked: Asked): Uint8Array {
    this.#options.metrics.panicked();
    this.#options.environment.log.warn('cannot answer', { name: query.name, error: String(error) });
    return this.#error(query, RCODE.servFail, asked);
  }

  #done(bytes: Uint8Array, asked: Asked, plugin: Plugin): Uint8Array {
    const { metrics, environment } = this.#options;
    metrics.answered(asked, bytes, plugin, environment.clock.monotonicMs());
    return bytes;
  }

  /** `unknown`: the name is the cluster's, whose state we have not seen yet. */
  #own(name: string, type: number): Answer | 'unknown' {
    const { zone, view } = this.#options;
    const result = answer({ name, type }, zone, view, view.revision % 2 ** 32);
    return result.kind !== 'forward' && !view.hasSynced ? 'unknown' : result;
  }

  #forward(query: Query, asked: Asked): Uint8Array | Promise<Uint8Array> {
    const kept = this.#cached(query);
    return kept === undefined
      ? this.#fetched(query, asked)
      : this.#done(fitted(kept, query, asked), asked, 'cache');
  }

  async #fetched(query: Query, asked: Asked): Promise<Uint8Array> {
    const fresh = await this.#fetch(query);
    return typeof fresh === 'number'
      ? this.#error(query, fresh, asked, 'forward')
      : this.#done(fitted(fresh, query, asked), asked, 'forward');
  }

  #cached(query: Query): Foreign | undefined {
    const { environment, metrics } = this.#options;
    const hit = this.#cache.get(cacheKey(query), environment.clock.monotonicMs());
    metrics.looked(hit?.type);
    return hit && { ...hit.entry, seconds: hit.ttlSeconds };
  }

  /** Another server's answer, which is kept from now on if it may be; or the code of an error. */
  async #fetch(query: Query): Promise<Foreign | number> {
    const { forwarder, environment, settings } = this.#options;
    const reply = await forwarder.forward(query);
    if (reply === 'rejected') return RCODE.refused;
    if (reply === 'failed') return RCODE.servFail;
    const { answer: read } = reply;
    const bytes = withoutEdns(reply.bytes, read);
    const seconds = keptSeconds(read, settings().cacheSeconds);
    const nowMs = environment.clock.monotonicMs();
    this.#cache.put(cacheKey(query), bytes, read, { seconds, nowMs });
    return { bytes, ttlOffsets: read.ttlOffsets, seconds };
  }

  /** An ExternalName: its CNAME, and what that leads to. */
  #follow(
    query: Query,
    first: Answer & { kind: 'alias' },
    asked: Asked,
  ): Uint8Array | Promise<Uint8Array> {
    const answers = [first.record];
    const seen = new Set([query.name]);
    let next: Answer | 'unknown' = first;
    let { target } = first;
    // Other types than addresses are for the client to look up under the other name.
    const isFollowed = query.type === TYPE.A || query.type === TYPE.AAAA;
    while (isFollowed && next !== 'unknown' && next.kind === 'alias') {
      ({ target } = next);
      if (seen.has(target) || seen.size > ALIASES_MAX)
        return this.#error(query, RCODE.servFail, asked, 'kubernetes');
      seen.add(target);
      next = this.#own(target, query.type);
      if (next !== 'unknown' && next.kind === 'alias') answers.push(next.record);
    }
    if (next === 'unknown') return this.#error(query, RCODE.servFail, asked, 'kubernetes');
    if (next.kind === 'forward') return this.#followOut(query, { answers, target }, asked);
    if (next.kind === 'records')
      return this.#records(
        query,
        { ...next, answers: [...answers, ...next.answers] },
        asked,
        'kubernetes',
      );
    const alone = { rcode: RCODE.noError, answers, authority: [], additional: [] } as const;
    return this.#records(query, { kind: 'records', ...alone }, asked, 'kubernetes');
  }

  /** The last name of the chain is not the cluster's. */
  async #followOut(
    query: Query,
    chain: { readonly answers: DnsRecord[]; readonly target: string },
    asked: Asked,
  ): Promise<Uint8Array> {
    const question = ownQuery(chain.target, query.type);
    const foreign = this.#cached(question) ?? (await this.#fetch(question));
    if (typeof foreign === 'number') return this.#error(query, foreign, asked, 'kubernetes');
    const { bytes, seconds } = foreign;
    const rcode = (bytes[3] ?? 0) & 15;
    if (rcode !== RCODE.noError && rcode !== RCODE.nxDomain)
      return this.#error(query, RCODE.servFail, asked, 'kubernetes');
    const further = readForeignRecords(bytes).map((record) =>
      seconds === 0 ? record : { ...record, ttlSeconds: seconds },
    );
    const own = { rcode, answers: [...chain.answers, ...further], authority: [], additional: [] };
    return this.#records(query, { kind: 'records', ...own }, asked, 'kubernetes');
  }

  /**
   * Addresses in another order each time, for clients that take the first; aliases before them, as
   * CoreDNS's plug-in `loadbalance` leaves them.
   */
  #shuffled(records: readonly DnsRecord[]): readonly DnsRecord[] {
    if (records.length < 2) return records;
    const first = records.findIndex(({ data }) => data.type === TYPE.A || data.type === TYPE.AAAA);
    return first < 0 ? records : shuffled(records, this.#options.environment.random, first);
  }
}

/** The code of the error that `query` gets whatever it asks for. */
function refusalOf({ edns, class: its, type }: Query): number | undefined {
  if (edns !== undefined && edns.version !== 0) return RCODE.badVersion;
  const isTransfer = type === TYPE.AXFR || type === TYPE.IXFR;
  return its !== CLASS_IN || isTransfer ? RCODE.refused : undefined;
}

function fitted(foreign: Foreign, query: Query, asked: Asked): Uint8Array {
  const { bytes, ttlOffsets: offsets, seconds } = foreign;
  const bytesMax = bytesMaxOf(query, asked);
  return delivered(
    bytes,
    query,
    seconds === 0 ? { bytesMax } : { bytesMax, ttl: { offsets, seconds } },
  );
}

/** How long an answer may be for this client. */
function bytesMaxOf(query: Query, { transport }: Asked): number {
  if (transport === 'tcp') return MESSAGE_BYTES_MAX;
  return Math.min(query.edns?.udpBytesMax ?? UDP_BYTES_DEFAULT, UDP_BYTES_MAX);
}
