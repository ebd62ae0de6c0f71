/**
 * Requests for pages of pods, each over a connection of its own: a kept one goes on to the pod that
 * it was made to, also when that is ending, and would say nothing about where new ones go.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const TIMEOUT_MS = 5_000;

export interface AskOptions {
  readonly method?: string;
  readonly form?: Readonly<Record<string, string>>;
  /** To keep the connection, and ask over it again. */
  readonly agent?: Agent;
}

/** Rejects when there is no answer. Redirects are answers. */
export function ask(url: string, options: AskOptions = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { form, agent = false, method = form === undefined ? 'GET' : 'POST' } = options;
  const call = request(url, { method, agent, timeout: TIMEOUT_MS }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks),
      }),
    );
  });
  call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
  call.on('error', reject);
  call.end(form === undefined ? undefined : new URLSearchParams(form).toString());
  return promise;
}

/** An agent that keeps one connection. */
export function oneConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}
