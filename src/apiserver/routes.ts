/**
 * Which paths of a built-in resource there are, and which methods they take: decided before a verb
 * sees the request, as upstream's router does, so that what is not there says so in the same words.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/installer.go for the routes of a
 * resource; go-restful's router for the order of its checks (path, method, content type, Accept).
 */
import type { AnyKind, Verb } from '#api/kind.ts';
import { methodNotAllowed, pathNotFound, StatusError } from '#api/meta/status.ts';
import type { RequestContext } from './context.ts';
import { type Subresource, subresourcesOf } from './discovery/subresources.ts';
import { objectMedia, streamMedia } from './negotiate.ts';
import type { RequestInfo } from './request-info.ts';
import { PATCH_TYPES } from './verbs/patch.ts';

const METHOD_OF: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};
const COLLECTION: readonly Verb[] = ['create', 'deletecollection', 'list'];
const ITEM: readonly Verb[] = ['delete', 'get', 'patch', 'update'];
/** They answer with whatever the other end says. */
const PASSING_ON = new Set(['attach', 'exec', 'portforward', 'proxy']);

/** Streams begin with either; a proxy passes on all methods. */
const STREAM_METHODS = new Set(['GET', 'POST']);

/** Throws 404, 405, 415 or 406 when the request has no route. */
export function checkRoute(context: RequestContext, kind: AnyKind): void {
  const { info, request } = context;
  const subresource = subresourceOf(info, kind);
  const methods = subresource === undefined ? methodsOf(info, kind) : methodsOfView(subresource);
  const isProxy = subresource?.name === 'proxy';
  if (methods.length === 0 || !isScoped(info, kind, subresource)) throw pathNotFound();
  if (!isProxy && (info.rest !== '' || info.path.includes('//'))) throw pathNotFound();
  if (info.subresource !== '' && PASSING_ON.has(info.subresource)) {
    if (isProxy || STREAM_METHODS.has(request.method)) return;
    throw methodNotAllowed();
  }
  if (!methods.includes(request.method)) throw methodNotAllowed();
  if (request.method === 'PATCH') checkPatchType(context.header('content-type'));
  checkAccept(context.header('accept'), representations(info, context.cbor));
}

function subresourceOf(info: RequestInfo, kind: AnyKind): Subresource | undefined {
  if (info.subresource === '') return undefined;
  const found = subresourcesOf(kind).find(({ name }) => name === info.subresource);
  if (found === undefined) throw pathNotFound();
  return found;
}

function methodsOf({ name, namespace }: RequestInfo, kind: AnyKind): string[] {
  const everywhere = kind.namespaced && namespace === '' && kind.verbs.includes('list');
  const verbs = name !== '' ? ITEM : everywhere ? (['list'] as const) : COLLECTION;
  return verbs.filter((verb) => kind.verbs.includes(verb)).map((verb) => METHOD_OF[verb] ?? '');
}

function methodsOfView({ verbs }: Subresource): string[] {
  return verbs.map((verb) => METHOD_OF[verb] ?? '');
}

/** A namespace where there is one, and none where there is none. */
function isScoped(info: RequestInfo, kind: AnyKind, subresource: Subresource | undefined): boolean {
  if (kind.kind === 'Namespace' && kind.group === '') return true;
  if (!kind.namespaced) return info.namespace === '';
  const isWhole = info.name === '' && subresource === undefined && kind.verbs.includes('list');
  return info.namespace !== '' || isWhole;
}

function checkPatchType(contentType: string): void {
  const media = (contentType.split(';')[0] ?? '').trim();
  const known: readonly string[] = PATCH_TYPES;
  if (known.includes(media)) return;
  throw new StatusError({
    message: '415: Unsupported Media Type',
    reason: 'UnsupportedMediaType',
    details: {},
    code: 415,
  });
}

function representations(
  { verb, subresource, name }: RequestInfo,
  cbor: boolean,
): readonly string[] {
  const objects = objectMedia(cbor);
  if (subresource === 'log') return ['text/plain', ...objects];
  const isList = subresource === '' && name === '' && (verb === 'list' || verb === 'watch');
  return isList ? [...objects, ...streamMedia(cbor)] : objects;
}

/** Parameters of the offers do not count here; whether the form is there is looked at later. */
function checkAccept(accept: string, available: readonly string[]): void {
  if (accept === '') return;
  const fits = accept.split(',').some((part) => {
    const media = (part.split(';')[0] ?? '').trim();
    return media === '*/*' || available.includes(media);
  });
  if (fits) return;
  throw new StatusError({
    message: `406: Not Acceptable\n\nAvailable representations: ${available.join(', ')}`,
    reason: 'NotAcceptable',
    details: {},
    code: 406,
  });
}
