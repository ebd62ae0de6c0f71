/**
 * One question to one other server, over UDP or TCP.
 *
 * Each goes out from a port and with an id drawn at random, and only an answer from the asked address
 * with that id and question counts (RFC 5452).
 */
import type { Network } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { encodeForwarded } from './encode.ts';
import { type ForeignAnswer, readForeignAnswer } from './foreign.ts';
import { frame, readFrames } from './frames.ts';
import type { UpstreamAddress } from './upstream-address.ts';
import type { Query } from './wire.ts';

export interface Exchange {
  readonly environment: Environment;
  readonly network: Network;
}

export interface Reply {
  readonly bytes: Uint8Array;
  readonly answer: ForeignAnswer;
}

/**
 * The answer of `upstream` to `query`, within `timeoutMs`: over UDP, and over TCP when it does not
 * fit. What did not fit is better than nothing where TCP is not answered. Undefined: no answer.
 */
export async function ask(
  doors: Exchange,
  upstream: UpstreamAddress,
  query: Query,
  timeoutMs: number,
): Promise<Reply | undefined> {
  const { clock } = doors.environment;
  const endMs = clock.monotonicMs() + timeoutMs;
  const short = await askUdp(doors, upstream, query, timeoutMs);
  if (short?.answer.truncated !== true) return short;
  const leftMs = Math.max(1, endMs - clock.monotonicMs());
  return (await askTcp(doors, upstream, query, leftMs).catch(() => undefined)) ?? short;
}

/** Rejects when no socket can be made. */
export async function askUdp(
  { environment, network }: Exchange,
  { host, port }: UpstreamAddress,
  query: Query,
  timeoutMs: number,
): Promise<Reply | undefined> {
  const message = encodeForwarded(query, randomId(environment));
  const answered = Promise.withResolvers<Reply | undefined>();
  const any = host.includes(':') ? '::' : '0.0.0.0';
  const socket = await network.bindUdp({ host: any, port: 0 }, (bytes, fromPort, from) => {
    if (from !== host || fromPort !== port) return;
    const reply = replyTo(query, message, bytes);
    if (reply !== undefined) answered.resolve(reply);
  });
  const timer = environment.timers.after(timeoutMs, () => answered.resolve(undefined));
  try {
    socket.send(message, port, host);
    return await answered.promise;
  } finally {
    timer.cancel();
    socket.close();
  }
}

async function askTcp(
  { environment, network }: Exchange,
  { host, port }: UpstreamAddress,
  query: Query,
  timeoutMs: number,
): Promise<Reply | undefined> {
  const message = encodeForwarded(query, randomId(environment));
  const socket = await network.dial({ host, port, timeoutMs });
  const timer = environment.timers.after(timeoutMs, () => socket.destroy());
  try {
    return await new Promise((resolve) => {
      readFrames(socket, (bytes) => {
        const reply = replyTo(query, message, bytes);
        if (reply !== undefined) resolve(reply);
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

function randomId(environment: Environment): number {
  const [high = 0, low = 0] = environment.random.bytes(2);
  return (high << 8) | low;
}

/** `bytes` when they answer `message`. Some servers answer in letters of their own. */
function replyTo(query: Query, message: Buffer, bytes: Uint8Array): Reply | undefined {
  const answer = readForeignAnswer(bytes);
  const isOurs =
    answer !== undefined &&
    answer.id === message.readUInt16BE(0) &&
    answer.type === query.type &&
    answer.name === query.name &&
    answer.question.length === query.question.length;
  return isOurs ? { bytes, answer } : undefined;
}
