/**
 * Asks the resolvers of the node what the cluster does not know.
 *
 * Each question goes out from a port and with an id drawn at random, and only an answer from the
 * asked address with that id and question counts (RFC 5452). Equal questions that are under way at
 * the same time are asked once.
 */
import type { Duplex } from 'node:stream';
import type { Network } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { cacheKey, readdressed } from './cache.ts';
import { MESSAGE_BYTES_MAX, type Query, readForeignAnswer } from './wire.ts';

const DNS_PORT = 53;
/** Clients wait 5 s by default: two resolvers get a chance before that. */
const ATTEMPT_TIMEOUT_MS = 2_000;
const ATTEMPTS_MAX = 3;
/** Different questions under way; more are answered SERVFAIL at once. */
const QUESTIONS_MAX = 1_000;

export interface ForwarderOptions {
  readonly environment: Environment;
  readonly network: Network;
  /** Asked before each question, for resolv.conf changes while we run. */
  resolvers(): readonly string[];
  readonly port?: number;
}

type Transport = 'udp' | 'tcp';

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #underWay = new Map<string, Promise<Uint8Array | undefined>>();
  /** The resolver that answered last is asked first. */
  #preferred: string | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /**
   * Another server's answer to `message` (which reads as `query`), addressed to the client;
   * undefined when nobody answered.
   */
  async forward(
    query: Query,
    message: Uint8Array,
    transport: Transport,
  ): Promise<Uint8Array | undefined> {
    const key = `${transport} ${cacheKey(query)}`;
    let pending = this.#underWay.get(key);
    if (pending === undefined) {
      if (this.#underWay.size >= QUESTIONS_MAX) return undefined;
      pending = this.#ask(message, transport).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, pending);
    }
    const answer = await pending;
    return answer && readdressed(answer, query);
  }

  async #ask(message: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    const resolvers = this.#options.resolvers();
    const order = [...resolvers].sort(
      (a, b) => Number(b === this.#preferred) - Number(a === this.#preferred),
    );
    for (let attempt = 0; attempt < ATTEMPTS_MAX && order.length > 0; attempt++) {
      const resolver = order[attempt % order.length] ?? '';
      const answer = await this.#askOne(resolver, message, transport).catch(() => undefined);
      if (answer === undefined) continue;
      this.#preferred = resolver;
      return answer;
    }
    return undefined;
  }

  #askOne(
    resolver: string,
    message: Uint8Array,
    transport: Transport,
  ): Promise<Uint8Array | undefined> {
    const copy = Buffer.from(message);
    const [high = 0, low = 0] = this.#options.environment.random.bytes(2);
    copy[0] = high;
    copy[1] = low;
    return transport === 'udp' ? this.#overUdp(resolver, copy) : this.#overTcp(resolver, copy);
  }

  async #overUdp(resolver: string, message: Buffer): Promise<Uint8Array | undefined> {
    const { network, environment, port = DNS_PORT } = this.#options;
    const answered = Promise.withResolvers<Uint8Array | undefined>();
    const host = resolver.includes(':') ? '::' : '0.0.0.0';
    const socket = await network.bindUdp({ host, port: 0 }, (bytes, fromPort, from) => {
      if (from === resolver && fromPort === port && answers(bytes, message))
        answered.resolve(bytes);
    });
    const timer = environment.timers.after(ATTEMPT_TIMEOUT_MS, () => answered.resolve(undefined));
    try {
      socket.send(message, port, resolver);
      return await answered.promise;
    } finally {
      timer.cancel();
      socket.close();
    }
  }

  async #overTcp(resolver: string, message: Buffer): Promise<Uint8Array | undefined> {
    const { network, environment, port = DNS_PORT } = this.#options;
    const socket = await network.dial({ host: resolver, port, timeoutMs: ATTEMPT_TIMEOUT_MS });
    const timer = environment.timers.after(ATTEMPT_TIMEOUT_MS, () => socket.destroy());
    try {
      return await new Promise((resolve) => {
        readFrames(socket, (bytes) => {
          if (answers(bytes, message)) resolve(bytes);
        });
        socket.on('close', () => resolve(undefined));
        socket.on('error', () => resolve(undefined));
        socket.write(frame(message));
      });
    } finally {
      timer.cancel();
      socket.destroy();
    }
  }
}

function answers(bytes: Uint8Array, message: Buffer): boolean {
  const answer = readForeignAnswer(bytes);
  if (answer === undefined || answer.id !== message.readUInt16BE(0)) return false;
  return message.subarray(12, 12 + answer.question.length).equals(answer.question);
}

/** A message as TCP carries it: two bytes of length first (RFC 1035, 4.2.2). */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(message.length);
  return Buffer.concat([head, message]);
}

/** Calls `onMessage` for each whole message that comes. Keeps at most one message and one read. */
export function readFrames(socket: Duplex, onMessage: (message: Uint8Array) => void): void {
  let kept: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    while (kept.length >= 2) {
      const length = kept.readUInt16BE(0);
      if (length > MESSAGE_BYTES_MAX || kept.length < 2 + length) return;
      onMessage(kept.subarray(2, 2 + length));
      kept = kept.subarray(2 + length);
    }
  });
}
