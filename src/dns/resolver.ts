/**
 * One query in, one answer out: the cluster's own names from the view, all others from the cache or
 * the resolvers of the node. Knows nothing of sockets.
 */
import type { Environment } from '#base/env.ts';
import { answer, type Answer, type ClusterView, type Zone } from './answer.ts';
import { AnswerCache } from './cache.ts';
import type { Forwarder } from './forwarder.ts';
import {
  CLASS_IN,
  decodeQuery,
  type DnsRecord,
  encodeError,
  encodeQuery,
  encodeResponse,
  MESSAGE_BYTES_MAX,
  type Query,
  RCODE,
  readForeignRecords,
  TYPE,
  UDP_BYTES_DEFAULT,
  UDP_BYTES_OURS,
} from './wire.ts';

/** An ExternalName may name another one. */
const ALIASES_MAX = 8;

export interface ResolverOptions {
  readonly environment: Environment;
  readonly zone: Zone;
  readonly view: ClusterView & { readonly hasSynced: boolean; readonly revision: number };
  readonly forwarder: Pick<Forwarder, 'forward'>;
}

export type Transport = 'udp' | 'tcp';

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache = new AnswerCache();
  #turn = 0;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /**
   * The answer to `message`; undefined when it deserves none. Answers of the cluster come at once,
   * not as a promise: they are most of the traffic.
   */
  resolve(
    message: Uint8Array,
    transport: Transport,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const query = decodeQuery(message);
    if (query === undefined) return undefined;
    if ('rcode' in query) return encodeError(query, query.rcode);
    if (query.edns !== undefined && query.edns.version !== 0)
      return encodeError(query, RCODE.badVersion);
    if (query.class !== CLASS_IN) return encodeError(query, RCODE.refused);
    try {
      const own = this.#own(query.name, query.type);
      if (own === 'unknown') return encodeError(query, RCODE.servFail);
      if (own.kind === 'forward') return this.#forward(query, message, transport);
      const bytesMax = bytesMaxOf(query, transport);
      if (own.kind === 'records') {
        return encodeResponse(
          query,
          { ...own, answers: this.#rotated(own.answers), authoritative: true },
          bytesMax,
        );
      }
      return this.#followed(query, own, bytesMax).catch((error: unknown) =>
        this.#failed(query, error),
      );
    } catch (error) {
      return this.#failed(query, error);
    }
  }

  #failed(query: Query, error: unknown): Uint8Array {
    this.#options.environment.log.warn('cannot answer', { name: query.name, error: String(error) });
    return encodeError(query, RCODE.servFail);
  }

  /** `unknown`: the name is the cluster's, whose state we have not seen yet. */
  #own(name: string, type: number): Answer | 'unknown' {
    const { zone, view } = this.#options;
    const result = answer({ name, type }, zone, view, view.revision % 2 ** 32);
    return result.kind !== 'forward' && !view.hasSynced ? 'unknown' : result;
  }

  async #forward(query: Query, message: Uint8Array, transport: Transport): Promise<Uint8Array> {
    const { clock } = this.#options.environment;
    const kept = this.#cache.get(query, clock.monotonicMs());
    if (kept !== undefined) return fitted(query, kept, transport);
    const fresh = await this.#options.forwarder.forward(query, message, transport);
    if (fresh === undefined) return encodeError(query, RCODE.servFail);
    this.#cache.put(query, fresh, clock.monotonicMs());
    return fitted(query, fresh, transport);
  }

  /** An ExternalName: its CNAME, and what that leads to. */
  async #followed(
    query: Query,
    first: Answer & { kind: 'alias' },
    bytesMax: number,
  ): Promise<Uint8Array> {
    const answers: DnsRecord[] = [first.record];
    let next: Answer | 'unknown' = first;
    for (
      let aliases = 0;
      query.type !== TYPE.CNAME && next !== 'unknown' && next.kind === 'alias';
      aliases++
    ) {
      if (aliases === ALIASES_MAX) return encodeError(query, RCODE.servFail);
      const { target }: { target: string } = next;
      next = this.#own(target, query.type);
      if (next === 'unknown') return encodeError(query, RCODE.servFail);
      if (next.kind === 'alias') answers.push(next.record);
      else
        answers.push(
          ...(next.kind === 'records' ? next.answers : await this.#foreign(target, query)),
        );
    }
    return encodeResponse(
      query,
      { rcode: RCODE.noError, authoritative: true, answers, authority: [], additional: [] },
      bytesMax,
    );
  }

  async #foreign(target: string, query: Query): Promise<DnsRecord[]> {
    const asked = decodeQuery(encodeQuery({ id: query.id, name: target, type: query.type }));
    if (asked === undefined || 'rcode' in asked) return [];
    const message = encodeQuery({ id: query.id, name: target, type: query.type });
    return readForeignRecords(await this.#forward(asked, message, 'tcp'));
  }

  /** Another first address each time, for clients that take the first. */
  #rotated(records: readonly DnsRecord[]): readonly DnsRecord[] {
    if (records.length < 2) return records;
    this.#turn = (this.#turn + 1) % 2 ** 30;
    const start = this.#turn % records.length;
    return [...records.slice(start), ...records.slice(0, start)];
  }
}

function bytesMaxOf(query: Query, transport: Transport): number {
  if (transport === 'tcp') return MESSAGE_BYTES_MAX;
  return query.edns === undefined
    ? UDP_BYTES_DEFAULT
    : Math.min(query.edns.udpBytesMax, UDP_BYTES_OURS);
}

/** A foreign answer that is too long for the client becomes "ask over TCP". */
function fitted(query: Query, bytes: Uint8Array, transport: Transport): Uint8Array {
  const limit =
    transport === 'tcp' ? MESSAGE_BYTES_MAX : (query.edns?.udpBytesMax ?? UDP_BYTES_DEFAULT);
  if (bytes.length <= limit) return bytes;
  const empty = {
    rcode: RCODE.noError,
    authoritative: false,
    answers: [],
    authority: [],
    additional: [],
  };
  const short = encodeResponse(query, empty, MESSAGE_BYTES_MAX);
  short[2] = (short[2] ?? 0) | 0x02;
  return short;
}
