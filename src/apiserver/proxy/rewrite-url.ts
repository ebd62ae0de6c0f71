/**
 * URLs in what a backend says, made to lead through the proxy: a path from the root of the backend
 * becomes one below the proxy's own.
 *
 * Source: upstream apimachinery/pkg/util/proxy/transport.go (rewriteURL).
 */
import { cleanPath } from './path.ts';

export interface RewriteRules {
  /** Path of the proxy: `/api/v1/namespaces/shop/pods/web/proxy`. */
  readonly prefix: string;
  /** `host:port` by which the backend is spoken to. */
  readonly backendHost: string;
  /** The Host that the client named, which the backend gets to see. */
  readonly clientHost: string;
}

/** RFC 3986, appendix B. */
const URL_PARTS = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)((?:\?[^#]*)?(?:#.*)?)$/s;
const BROKEN = /[\u0000-\u0020\u007f]|%(?![0-9a-fA-F]{2})/;

/** Undefined when `text` is no URL. Relative ones and those of other hosts stay as they are. */
export function rewriteUrl(text: string, rules: RewriteRules): string | undefined {
  const [, scheme = '', host = '', path = '', rest = ''] = URL_PARTS.exec(text) ?? [];
  if (BROKEN.test(text) || text.startsWith(':')) return undefined;
  const isElsewhere = host !== '' && host !== rules.backendHost && host !== rules.clientHost;
  if (isElsewhere || !path.startsWith('/')) return text;
  // What names the host that the client knows may go on naming it.
  const origin =
    host === rules.clientHost && host !== '' ? `${scheme === '' ? '' : `${scheme}:`}//${host}` : '';
  if (path.startsWith(rules.prefix)) return `${origin}${path}${rest}`;
  const joined = cleanPath(`${rules.prefix}${path}`);
  return `${origin}${joined}${path.endsWith('/') ? '/' : ''}${rest}`;
}
