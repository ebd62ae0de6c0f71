/**
 * The road to an issuer: HTTPS alone, in a time, with a limit on what is read. No redirect is
 * followed.
 */
import { type Environment, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { dialError, isDialError } from '#base/http/dial-error.ts';
import { type Headers, type HttpResponse, readBody } from '#base/http/message.ts';
import type { BackendConnector } from '../../proxy/transport.ts';

/** Upstream's limit for one request. */
const TIMEOUT_MS = 30_000;
/** Discovery documents and key sets have a few kilobytes. */
const ANSWER_MAX_BYTES = 1024 * 1024;
const SHOWN_MAX = 256;
const HTTPS_PORT = 443;

export interface IssuerRoad {
  readonly environment: Environment;
  readonly backends: BackendConnector;
  /** PEM; empty: the authorities of the machine. */
  readonly authority: string;
  /** Aborted when nobody needs the issuer any more. */
  readonly signal: AbortSignal;
}

export interface Fetched {
  readonly text: string;
  readonly headers: Headers;
}

/** The answer to a GET. Throws an error that says what went wrong. */
export async function fetchText(
  { environment, backends, authority, signal }: IssuerRoad,
  address: string,
  headers: Headers = {},
): Promise<Fetched> {
  const url = URL.parse(address);
  if (url?.protocol !== 'https:')
    throw new Error(`Get ${JSON.stringify(address)}: unsupported protocol scheme`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? HTTPS_PORT : Number(url.port);
  const tls = { serverName: host, ...(authority === '' ? {} : { ca: authority }) };
  const limit = timeoutSignal(environment, TIMEOUT_MS, signal);
  try {
    const request = {
      method: 'GET',
      url: `${url.pathname}${url.search}`,
      headers: { accept: 'application/json', host: url.host, ...headers },
      signal: limit.signal,
    };
    const answer = backends.to({ host, port, tls })(request);
    const {
      status,
      body,
      headers: answered,
    } = await answer.catch((error: unknown): HttpResponse => {
      const at = `${url.hostname}:${port}`;
      const text = isDialError(error) ? dialError(error, at) : messageOf(error);
      throw new Error(`Get ${JSON.stringify(address)}: ${text}`, { cause: error });
    });
    const text = Buffer.from(await readBody(body, ANSWER_MAX_BYTES)).toString();
    if (status !== 200) throw new Error(`${status}: ${text.slice(0, SHOWN_MAX)}`);
    return { text, headers: answered };
  } finally {
    limit.release();
  }
}
