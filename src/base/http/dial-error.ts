/** Failures to connect, as Go words them: people read them in events and messages. */
import { messageOf } from '../error.ts';

const TEXTS: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'connect: connection reset by peer',
  ETIMEDOUT: 'i/o timeout',
};

/** Whether no connection came to be, rather than that something went wrong on one. */
export function isDialError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code) in TEXTS;
}

/** `dial tcp 10.0.0.1:80: connect: connection refused` */
export function dialError(error: unknown, address: string): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const named = error instanceof Error && error.name === 'TimeoutError';
  const text = named ? 'i/o timeout' : TEXTS[code];
  const other = messageOf(error);
  return `dial tcp ${address}: ${text ?? other}`;
}
