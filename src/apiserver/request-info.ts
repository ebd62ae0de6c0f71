/**
 * What a request is about: group, version, resource, name, verb; or just a path.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
 */
import { historyPathOf, type HistoryView } from './history/paths.ts';
import { explainedPath } from './why/paths.ts';

export interface RequestInfo {
  readonly isResourceRequest: boolean;
  readonly path: string;
  /** `get list watch create update patch delete deletecollection`, or the lower-case HTTP method. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** What follows the subresource: the path that a proxy request is for. */
  readonly rest: string;
  readonly query: URLSearchParams;
  /** The path is one of `history.coxswain.dev`: the rest says of what it is a view. */
  readonly historyView?: HistoryView;
  /** The path is one of `why.coxswain.dev`: the rest says what is to be explained. */
  readonly isWhy?: true;
}

/** Sub-resources of namespaces, which are no resources in a namespace. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);
const VERB_BY_METHOD: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

export function requestInfoOf(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const history = historyPathOf(path);
  if (history !== undefined) {
    const info = requestInfoOf(method, history.rest + (mark < 0 ? '' : url.slice(mark)));
    return { ...info, path, verb: history.verb, historyView: history.view };
  }
  const explained = explainedPath(path);
  if (explained !== undefined) {
    const info = requestInfoOf(method, explained + (mark < 0 ? '' : url.slice(mark)));
    return { ...info, path, verb: 'get', isWhy: true };
  }
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  // Decoded first, and then divided: whoever gets the path after us may read it no other way.
  const parts = decode(path)
    .split('/')
    .filter((part) => part !== '');
  const plain: RequestInfo = {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: '',
    query,
  };
  const at = parts[0] === 'api' ? 1 : parts[0] === 'apis' ? 2 : 0;
  if (at === 0 || parts.length < at + 2) return plain;
  const group = at === 2 ? (parts[1] ?? '') : '';
  const version = parts[at] ?? '';
  let rest = parts.slice(at + 1);
  let verb = VERB_BY_METHOD[method] ?? '';
  // The deprecated prefix of watches: /api/v1/watch/…
  if (rest[0] === 'watch' && rest.length > 1) {
    rest = rest.slice(1);
    verb = 'watch';
  }
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '')) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  } else if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1] ?? '';
  }
  const [resource = '', name = '', subresource = '', ...tail] = rest;
  if (name === '' && verb === 'get') verb = isTrue(query.get('watch')) ? 'watch' : 'list';
  if (name === '' && verb === 'delete') verb = 'deletecollection';
  return {
    isResourceRequest: true,
    path,
    verb,
    group,
    version,
    namespace,
    resource,
    subresource,
    name,
    rest: tail.join('/'),
    query,
  };
}

/** As Go's strconv.ParseBool, and a bare `?watch`. */
export function isTrue(value: string | null): boolean {
  return value !== null && ['1', 't', 'T', 'true', 'TRUE', 'True', ''].includes(value);
}

function decode(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
