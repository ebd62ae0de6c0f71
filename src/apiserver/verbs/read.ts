/** GET of one object, and LIST. */
import type { HttpResponse } from '#base/http/message.ts';
import {
  badRequest,
  gone,
  notFound,
  plainError,
  serviceUnavailable,
  StatusError,
  timeout,
} from '#api/meta/status.ts';
import { internalType } from '#api/meta/go-types.ts';
import { type ListResult, StoreError } from '#store/store.ts';
import { timed, timedAnswer } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import { listBody } from '../list-body.ts';
import { negotiate, type View } from '../negotiate.ts';
import { contentType, type ListMeta, Presenter } from '../presenter.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { bodyResponse } from '../respond.ts';
import type { Entry } from '../watch-cache/entry.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import { decodeContinue, encodeContinue, NEWEST } from './continue.ts';
import { type ListParameters, listParameters, versionProblem } from './options.ts';
import { type Selection, selectionOf } from './selection.ts';
import { Turns } from '../turns.ts';

/**
 * `isStream`: for a watch, which has no YAML and no indentation. `tables`: whether a client may ask
 * for a Table of it; else that is a 406.
 */
export function presenterFor(
  context: RequestContext,
  resource: Resource,
  {
    isStream = false,
    tables = true,
  }: { readonly isStream?: boolean; readonly tables?: boolean } = {},
): Presenter {
  const { query } = context.info;
  const { deprecation } = resource.kind;
  if (deprecation !== undefined) context.warn(deprecation);
  const wanted = negotiate(context.header('accept'), query, {
    views: true,
    tables,
    userAgent: context.header('user-agent'),
    protobuf: resource.kind.custom === undefined,
    streaming: isStream,
    cbor: context.cbor,
  });
  return new Presenter({
    resource,
    wanted: isStream ? { ...wanted, pretty: false } : wanted,
    includeObject: includeObjectOf(query, wanted.view),
    clock: context.environment.clock,
    isTimed: context.latencies !== undefined,
    takesObjects: context.request.takesObjects === true,
  });
}

/** Upstream: endpoints/handlers/response.go (parseTableOptions, validation of TableOptions). */
function includeObjectOf(query: URLSearchParams, view: View): string {
  const asked = query.get('includeObject') ?? '';
  if (view !== 'table' || ['', 'None', 'Metadata', 'Object'].includes(asked)) return asked;
  const detail = `Invalid value: ${JSON.stringify(asked)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequest(`Unable to convert to Table as requested: includeObject: ${detail}`);
}

export async function getObject(
  context: RequestContext,
  registry: Registry,
  resource: Resource,
): Promise<HttpResponse> {
  const presenter = presenterFor(context, resource);
  const { namespace, name, query } = context.info;
  const version = query.get('resourceVersion') ?? '';
  const problem = versionProblem(version);
  const { uncached } = resource.kind;
  if (problem !== undefined)
    throw uncached === true
      ? badRequest(`invalid resource version: ${problem}`)
      : plainError(problem);
  if (version !== '' && version !== '0')
    await reach(registry.hub, Number(version), { signal: context.signal, uncached });
  else if (version === '' && !(await upToDate(context, registry.hub))) throw behind();
  const entry = resource.cache.get(resource.key(namespace, name));
  if (entry === undefined) throw notFound(resource.groupResource, name);
  await resource.ready([entry]);
  const body = timedAnswer(context, presenter, () =>
    presenter.givesObjects ? presenter.answer(resource.copy(entry)) : presenter.single(entry),
  );
  return bodyResponse(200, contentType(presenter.wanted), body);
}

/** Waits until the caches show all writes so far; false when they do not for long. */
function upToDate(context: RequestContext, hub: WatchHub): Promise<boolean> {
  return timed(context, 'etcd', () => hub.waitForNow(context.signal));
}

export async function listObjects(
  context: RequestContext,
  registry: Registry,
  resource: Resource,
): Promise<HttpResponse> {
  const presenter = presenterFor(context, resource);
  checkListView(presenter);
  const parameters = listParameters(context.info);
  const selection = selectionOf(resource, parameters.labelSelector, parameters.fieldSelector);
  const page = await listPage(context, { registry, resource, parameters, selection });
  const turns = new Turns(context.environment);
  const body = await timedAnswer(context, presenter, () =>
    listBody({ presenter, ...inTableOrder(presenter, page), turns }),
  );
  const owned = body.kind === 'pieces' ? { ...body, owner: context.user.name } : body;
  return bodyResponse(200, contentType(presenter.wanted), owned);
}

/** Rows of a few kinds have an order of their own. */
function inTableOrder({ resource, wanted }: Presenter, page: Page): Page {
  const { tableOrder } = resource.kind;
  if (tableOrder === undefined || wanted.view !== 'table') return page;
  const rows = page.entries.map((entry) => ({ entry, object: resource.read(entry) }));
  const sorted = rows.toSorted((left, right) => tableOrder(left.object, right.object));
  return { ...page, entries: sorted.map(({ entry }) => entry) };
}

/** The view of one object is none of a list. */
export function checkListView({ wanted, resource }: Presenter): void {
  if (wanted.as !== 'PartialObjectMetadata') return;
  const { kind } = resource;
  throw new StatusError({
    message: `you requested PartialObjectMetadata, but the requested object is a list (*${internalType({ ...kind, kind: kind.listKind })})`,
    reason: 'NotAcceptable',
    code: 406,
  });
}

interface ListRequest {
  readonly registry: Registry;
  readonly resource: Resource;
  readonly parameters: ListParameters;
  readonly selection: Selection;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly metadata: ListMeta;
}

/** The objects that a list shows, by upstream's rules of resourceVersion, limit and continue. */
export async function listPage(context: RequestContext, request: ListRequest): Promise<Page> {
  const { registry, resource, parameters } = request;
  const prefix = resource.key(context.info.namespace, '');
  if (parameters.continueToken !== '') {
    const token = decodeContinue(parameters.continueToken, prefix);
    if (parameters.resourceVersion !== '' && parameters.resourceVersion !== '0')
      throw badRequest('specifying resource version is not allowed when using continue');
    if (token.revision > 0) return pageAt(context, request, { prefix, ...token });
    await upToDate(context, registry.hub);
    const { revision } = registry.hub;
    return currentPage(context, request, { prefix, after: token.after, revision });
  }
  const { resourceVersion, resourceVersionMatch } = parameters;
  const { uncached } = resource.kind;
  if (
    resourceVersionMatch === 'Exact' ||
    (resourceVersion !== '' &&
      resourceVersion !== '0' &&
      parameters.limit > 0 &&
      resourceVersionMatch === '')
  ) {
    const revision = Number(resourceVersion);
    await reach(registry.hub, revision, { signal: context.signal, uncached });
    return pageAt(context, request, { prefix, after: '', revision });
  }
  // What any version will do for comes whole from the cache.
  const whole = resourceVersion === '0' && resourceVersionMatch !== 'Exact';
  if (whole && parameters.limit > 0 && uncached !== true) {
    const unlimited = { ...request, parameters: { ...parameters, limit: 0 } };
    return currentPage(context, unlimited, { prefix, after: '', revision: registry.hub.revision });
  }
  if (resourceVersion !== '' && resourceVersion !== '0')
    await reach(registry.hub, Number(resourceVersion), { signal: context.signal, uncached });
  else if (resourceVersion === '' && !(await upToDate(context, registry.hub))) throw behind();
  return currentPage(context, request, { prefix, after: '', revision: registry.hub.revision });
}

/** Which part of a collection, and as of which revision. */
interface Place {
  readonly prefix: string;
  /** The key before the first one; empty for the beginning. */
  readonly after: string;
  readonly revision: number;
}

/** The state at a revision that the cache has reached: the cache's own when nothing changed since. */
function pageAt(context: RequestContext, request: ListRequest, place: Place): Promise<Page> {
  const { hub } = request.registry;
  if (place.revision < hub.compacted) throw tooOld(place);
  if (request.resource.cache.changedAt <= place.revision)
    return currentPage(context, request, place);
  return historicPage(context, request, place, (prefix, at) =>
    readPast(hub, prefix, { ...at, place }),
  );
}

/** Upstream's 410: with a token to go on with, for who was in the middle of a list. */
function tooOld({ prefix, after }: Place): Error {
  if (after === '') return gone('The resourceVersion for the provided list is too old.');
  return gone(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    { continue: encodeContinue(after, prefix, NEWEST) },
  );
}

async function currentPage(
  context: RequestContext,
  request: ListRequest,
  { prefix, after, revision }: Place,
): Promise<Page> {
  const { resource, parameters, selection } = request;
  const { limit } = parameters;
  if (
    selection.name !== undefined &&
    resource.kind.namespaced === (context.info.namespace !== '')
  ) {
    const entry = resource.cache.get(resource.key(context.info.namespace, selection.name));
    if (entry !== undefined) await resource.ready([entry]);
    const found = entry !== undefined && selection.matches(resource.read(entry)) ? [entry] : [];
    return { entries: found, metadata: { resourceVersion: String(revision) } };
  }
  // The snapshot of entries is taken in one turn; what is parsed later cannot change under it.
  const candidates = resource.cache.range(prefix, after);
  const entries: Entry[] = [];
  const isPage = selection.everything && limit > 0;
  await resource.ready(isPage ? candidates.slice(0, limit) : candidates);
  const turns = new Turns(context.environment);
  for (const entry of candidates) {
    if (!selection.everything && turns.isOver()) await turns.next();
    if (!selection.everything && !selection.matches(resource.read(entry))) continue;
    if (limit > 0 && entries.length === limit) {
      const remaining = selection.everything ? candidates.length - entries.length : undefined;
      return pageWithMore(entries, prefix, revision, remaining);
    }
    entries.push(entry);
  }
  return { entries, metadata: { resourceVersion: String(revision) } };
}

function pageWithMore(
  entries: Entry[],
  prefix: string,
  revision: number,
  remaining: number | undefined,
): Page {
  const last = entries.at(-1)?.key ?? prefix;
  return {
    entries,
    metadata: {
      resourceVersion: String(revision),
      continue: encodeContinue(last, prefix, revision),
      ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
    },
  };
}

/** Reads keys as they were: the store, or its history. */
type ListPast = (
  prefix: string,
  at: { readonly revision: number; readonly after?: string; readonly limit?: number },
) => Promise<ListResult>;

/** A list as of a revision that is past: read from the store. */
export async function historicPage(
  context: RequestContext,
  { resource, parameters, selection }: Omit<ListRequest, 'registry'>,
  { prefix, after, revision }: Place,
  listPast: ListPast,
): Promise<Page> {
  const { limit } = parameters;
  const entries: Entry[] = [];
  let from = after;
  for (;;) {
    const at = {
      revision,
      ...(from === '' ? {} : { after: from }),
      ...(limit > 0 ? { limit: limit + 1 - entries.length } : {}),
    };
    const page = await timed(context, 'etcd', () => listPast(prefix, at));
    const found = page.items.map((item) => ({
      key: item.key,
      bytes: item.value,
      revision: item.modRevision,
      createRevision: item.createRevision,
    }));
    const matching = await timed(context, 'decode-response-object', async () => {
      await resource.ready(found);
      return found.filter((entry) => selection.matches(resource.read(entry)));
    });
    for (const entry of matching) {
      if (limit > 0 && entries.length === limit) {
        const known = selection.everything ? page.remaining + 1 : undefined;
        return pageWithMore(entries, prefix, revision, known);
      }
      entries.push(entry);
    }
    from = page.items.at(-1)?.key ?? '';
    if (page.remaining === 0 || from === '')
      return { entries, metadata: { resourceVersion: String(revision) } };
  }
}

async function readPast(
  { store }: WatchHub,
  prefix: string,
  { place, ...at }: Parameters<ListPast>[1] & { readonly place: Place },
): Promise<ListResult> {
  try {
    return await store.list(prefix, at);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'compacted') throw tooOld(place);
    throw error;
  }
}

/**
 * Waits until the cache shows `revision`; upstream's 504 when it does not come. `uncached`: of a kind
 * that upstream reads out of its store, which says when nothing of what it waits for.
 */
export async function reach(
  hub: WatchHub,
  revision: number,
  {
    signal,
    uncached,
  }: { readonly signal?: AbortSignal | undefined; readonly uncached?: boolean | undefined } = {},
): Promise<void> {
  if (await hub.waitFor(revision, signal)) return;
  const retrySeconds = uncached === true ? 0 : 1;
  throw timeout(`Too large resource version: ${revision}, current: ${hub.revision}`, retrySeconds, {
    reason: 'ResourceVersionTooLarge',
    message: 'Too large resource version',
  });
}

function behind(): Error {
  return serviceUnavailable('the watch cache is behind the store');
}
