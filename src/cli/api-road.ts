/**
 * The way to an API server of a process that asks it much at once: a burst of requests does not make a
 * connection for each, because a handshake costs both ends more than most requests do. Watches stay
 * open for minutes; they have connections of their own, and keep nothing waiting.
 */
import type { HttpRequest } from '#base/http/message.ts';
import { type HttpClient, type HttpClientOptions, httpClient } from '#edge/http-client.ts';

/** More requests than these wait for one of them to be answered. */
const SOCKETS_MAX = 16;
const WATCH = /[?&]watch=(?:true|1)\b/;

export function apiRoad(options: Omit<HttpClientOptions, 'socketsMax'>): HttpClient {
  const watches = httpClient(options);
  const others = httpClient({ ...options, socketsMax: SOCKETS_MAX });
  const both = [watches, others];
  return {
    handler: (request: HttpRequest) =>
      (WATCH.test(request.url) ? watches : others).handler(request),
    setTls(tls, options) {
      for (const each of both) each.setTls(tls, options);
    },
    close() {
      for (const each of both) each.close();
    },
  };
}
