/**
 * `url`, `isURL` and what reads parts of URLs.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/urls.go.
 */
import { type FunctionTable, overload } from '../check/declarations.ts';
import { BOOL, listType, mapType, STRING, structType, type Type } from '../check/type.ts';
import { ArrayList, CelError, mapOf, OpaqueValue, textOf, type Value } from '../value/value.ts';
import { type GoUrl, parseRequestUrl, queryOf } from './go-url.ts';
import { methodsOf } from './opaque.ts';

const URL_TYPE = structType('kubernetes.URL');

class UrlValue extends OpaqueValue {
  override readonly type: Type = URL_TYPE;
  readonly url: GoUrl;

  constructor(url: GoUrl) {
    super();
    this.url = url;
  }

  override isEqual(other: OpaqueValue): boolean {
    return other instanceof UrlValue && this.url.text === other.url.text;
  }
}

function toUrl(text: Value): Value {
  const url = parseRequestUrl(textOf(text));
  if ('problem' in url) {
    return new CelError(`URL parse error during conversion from string: ${url.problem}`);
  }
  return new UrlValue(url);
}

function queryMap({ url }: UrlValue): Value {
  const entries = Array.from(
    queryOf(url.query),
    ([name, values]) => [name, new ArrayList(values)] as const,
  );
  return mapOf(entries);
}

const method = methodsOf(UrlValue, URL_TYPE);

export const URL_LIBRARY: FunctionTable = {
  url: [overload('string_to_url', [STRING], URL_TYPE, toUrl)],
  isURL: [
    overload(
      'is_url_string',
      [STRING],
      BOOL,
      (text) => !('problem' in parseRequestUrl(textOf(text))),
    ),
  ],
  getScheme: [method('url_get_scheme', [], STRING, ({ url }) => url.scheme)],
  getHost: [method('url_get_host', [], STRING, ({ url }) => url.host)],
  getHostname: [method('url_get_hostname', [], STRING, ({ url }) => url.hostname)],
  getPort: [method('url_get_port', [], STRING, ({ url }) => url.port)],
  getEscapedPath: [method('url_get_escaped_path', [], STRING, ({ url }) => url.escapedPath)],
  getQuery: [method('url_get_query', [], mapType(STRING, listType(STRING)), queryMap)],
};
