/** Answers the views of `history.coxswain.dev`, each about one resource. */
import { apiVersionOf } from '#api/meta/object.ts';
import { badRequest, methodNotSupported, notFound, pathNotFound } from '#api/meta/status.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { StoredValue, StoreHistory } from '#store/store.ts';
import { timed, timedAnswer } from '../audit/latency.ts';
import type { RequestContext } from '../context.ts';
import { listBody } from '../list-body.ts';
import { contentType } from '../presenter.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { bodyResponse, jsonResponse } from '../respond.ts';
import { Turns } from '../turns.ts';
import { decodeContinue } from '../verbs/continue.ts';
import { listParameters } from '../verbs/options.ts';
import { historicPage, presenterFor } from '../verbs/read.ts';
import { selectionOf } from '../verbs/selection.ts';
import type { Entry } from '../watch-cache/entry.ts';
import { HISTORY_API_VERSION } from './paths.ts';
import type { HistoryPolicy } from './policy.ts';
import { changesOf, readRevisions } from './revisions.ts';
import { historyOf, reached, revisionOf } from './store.ts';
import { undelete, type UndeleteServices } from './undelete.ts';

export interface HistoryServices extends UndeleteServices {
  readonly registry: Registry;
  readonly policy: HistoryPolicy;
}

const REVISION = { revision: 'revision', time: 'time' };

export class HistoryHandler {
  readonly #services: HistoryServices;
  constructor(services: HistoryServices) {
    this.#services = services;
  }

  /** The request has been authorized for the object itself, with the view's own verb. */
  async handle(context: RequestContext, resource: Resource): Promise<HttpResponse> {
    const { info, request } = context;
    const view = info.historyView;
    const method = view === 'undelete' ? 'POST' : 'GET';
    if (view === undefined || info.subresource !== '') throw pathNotFound();
    if (request.method !== method) throw methodNotSupported(resource.groupResource, request.method);
    if (!resource.kind.verbs.includes('get'))
      throw methodNotSupported(resource.groupResource, info.verb);
    const { registry, policy } = this.#services;
    const history = historyOf(registry, resource, policy);
    await timed(context, 'etcd', () => registry.hub.waitForNow(context.signal));
    if (view === 'objects' && info.name === '') return this.#list(context, resource, history);
    if (info.name === '') throw badRequest(`${view} are of one object: give its name`);
    if (view === 'objects') return this.#get(context, resource, history);
    if (view === 'revisions') return this.#revisions(context, resource, history);
    if (view === 'diffs') return this.#diff(context, resource, history);
    return undelete(context, { resource, history }, this.#services);
  }

  async #get(
    context: RequestContext,
    resource: Resource,
    history: StoreHistory,
  ): Promise<HttpResponse> {
    const { namespace, name, query } = context.info;
    const revision = await this.#asOf(history, query);
    const item = await reached(() => history.get(resource.key(namespace, name), revision));
    if (item === undefined) throw notFound(resource.groupResource, name);
    const entry = entryOf(item);
    await resource.ready([entry]);
    const presenter = presenterFor(context, resource);
    const body = timedAnswer(context, presenter, () => presenter.single(entry));
    return bodyResponse(200, contentType(presenter.wanted), body);
  }

  async #list(
    context: RequestContext,
    resource: Resource,
    history: StoreHistory,
  ): Promise<HttpResponse> {
    const { namespace, query } = context.info;
    const parameters = listParameters(context.info);
    const { labelSelector, fieldSelector, continueToken } = parameters;
    const prefix = resource.key(namespace, '');
    const place =
      continueToken === ''
        ? { after: '', revision: await this.#asOf(history, query) }
        : decodeContinue(continueToken, prefix);
    const presenter = presenterFor(context, resource);
    const selection = selectionOf(resource, labelSelector, fieldSelector);
    const page = await historicPage(
      context,
      { resource, parameters, selection },
      { prefix, ...place },
      (at, options) => reached(() => history.list(at, options)),
    );
    const turns = new Turns(context.environment);
    const body = await timedAnswer(context, presenter, () =>
      listBody({ presenter, ...page, turns }),
    );
    return bodyResponse(200, contentType(presenter.wanted), body);
  }

  async #asOf(history: StoreHistory, query: URLSearchParams): Promise<number> {
    const revision = await revisionOf(history, query, REVISION);
    if (revision === undefined) throw badRequest('give a revision or a time');
    return revision;
  }

  async #revisions(
    context: RequestContext,
    resource: Resource,
    history: StoreHistory,
  ): Promise<HttpResponse> {
    const page = await readRevisions({ context, resource, history });
    return jsonResponse(200, {
      kind: 'ObjectHistory',
      apiVersion: HISTORY_API_VERSION,
      metadata: page.continue === undefined ? {} : { continue: page.continue },
      object: referenceOf(context, resource),
      oldestRevision: String(page.oldest),
      revisions: page.revisions,
    });
  }

  async #diff(
    context: RequestContext,
    resource: Resource,
    history: StoreHistory,
  ): Promise<HttpResponse> {
    const { namespace, name, query } = context.info;
    const names = (side: string) => ({ revision: side, time: `${side}Time` });
    const from = await revisionOf(history, query, names('from'));
    if (from === undefined) throw badRequest('give from or fromTime');
    const now = this.#services.registry.hub.revision;
    const to = (await revisionOf(history, query, names('to'))) ?? now;
    const key = resource.key(namespace, name);
    const [before, after] = await Promise.all(
      [from, to].map((revision) => reached(() => history.get(key, revision))),
    );
    if (before === undefined && after === undefined) throw notFound(resource.groupResource, name);
    await resource.ready([before, after].flatMap((item) => (item ? [entryOf(item)] : [])));
    const read = (item: StoredValue | undefined) =>
      item === undefined ? undefined : resource.read(entryOf(item));
    const field = query.get('field')?.replace(/^\./, '') || undefined;
    return jsonResponse(200, {
      kind: 'ObjectDiff',
      apiVersion: HISTORY_API_VERSION,
      metadata: {},
      object: referenceOf(context, resource),
      from: sideOf(from, before),
      to: sideOf(to, after),
      changes: changesOf(resource, read(before), read(after), field),
    });
  }
}

/** The revision asked for, and that of the object then: absent when there was none. */
function sideOf(revision: number, item: StoredValue | undefined): object {
  return {
    revision: String(revision),
    ...(item === undefined ? {} : { resourceVersion: String(item.modRevision) }),
  };
}

function referenceOf({ info }: RequestContext, { kind }: Resource): object {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    ...(kind.namespaced ? { namespace: info.namespace } : {}),
    name: info.name,
  };
}

function entryOf({ key, value, modRevision, createRevision }: StoredValue): Entry {
  return { key, bytes: value, revision: modRevision, createRevision };
}
