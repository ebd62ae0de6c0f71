/**
 * The URI of a request as it is written down.
 *
 * Different from upstream, on purpose: a token that a client puts into a URL (RFC 6750, 2.3), where
 * the API takes none, is not written down.
 */
const TOKEN = /([?&](?:access_token|id_token|token)=)[^&#]*/gi;

export function requestUri(url: string): string {
  return url.replace(TOKEN, '$1REDACTED');
}
