/**
 * Behind the filters: which verb, of which resource, answers this request.
 *
 * Nothing here knows a kind. True subresources (exec, binding, token …) come as a table,
 * `subresources/handlers.ts`.
 */
import type { Environment } from '#base/env.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import { ALL_VERBS, type Verb } from '#api/kind.ts';
import {
  methodNotAllowed,
  methodNotSupported,
  notFound,
  pathNotFound,
  tooManyRequests,
} from '#api/meta/status.ts';
import type { AdmissionChain, ObjectReader } from './admission/admission.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import type { TokenAuthenticator } from './authn/token-authenticator.ts';
import type { Authorizer } from './authz/authorizer.ts';
import type { RuleResolver } from './authz/rules.ts';
import { RequestContext } from './context.ts';
import type { FlowControl } from './flow-control/flow-control.ts';
import type { RequestInfo } from './request-info.ts';
import type { Health } from './health.ts';
import type { MetricsPage } from './metrics/page.ts';
import { answerWhy, type Explainer } from './why/handler.ts';
import type { ZPages } from './zpages.ts';
import { HistoryHandler } from './history/handler.ts';
import type { HistoryPolicy } from './history/policy.ts';
import type { Registry } from './registry/registry.ts';
import type { Resource } from './registry/resource.ts';
import type { ResourceSet } from './registry/resource-set.ts';
import { pageNotFound } from './respond.ts';
import { handleRootPath } from './root-paths.ts';
import { checkRoute } from './routes.ts';
import {
  SCALE_HANDLER,
  SUBRESOURCE_HANDLERS,
  type SubresourceHandler,
} from './subresources/handlers.ts';
import {
  type KubeletConnector,
  STREAM_HANDLERS,
  type StreamServices,
} from './subresources/kubelet.ts';
import { hasProxy, proxy, PROXY_METHODS, type ProxyServices } from './proxy/handlers.ts';
import type { AddressGuard } from './proxy/addresses.ts';
import type { BackendConnector } from './proxy/transport.ts';
import { deleteCollection, deleteObject } from './verbs/delete.ts';
import { getObject, listObjects } from './verbs/read.ts';
import { type WatchLimits, watchObjects } from './verbs/watch.ts';
import { createObject, patchObject, updateObject, type WriteServices } from './verbs/write.ts';

/** Something that answers paths of its own: discovery, OpenAPI. */
export interface PathHandler {
  handle(context: RequestContext): HttpResponse | undefined | Promise<HttpResponse | undefined>;
}

export interface RouterOptions {
  readonly environment: Environment;
  readonly registry: Registry;
  readonly resources: ResourceSet;
  readonly reader: ObjectReader;
  readonly tokens: ServiceAccountTokens;
  readonly authenticateToken: TokenAuthenticator;
  readonly allowsAnonymous: boolean;
  readonly authorize: Authorizer;
  readonly rules: RuleResolver;
  readonly admission: AdmissionChain;
  readonly watchesMax: number;
  readonly flowControl: FlowControl | undefined;
  readonly history: HistoryPolicy;
  readonly shutdown: AbortSignal;
  readonly health: Health;
  readonly discovery: PathHandler;
  readonly openApi: PathHandler;
  readonly kubelets: KubeletConnector;
  readonly gates: FeatureGates;
  readonly zPages: ZPages;
  readonly metrics: MetricsPage;
  readonly backends: BackendConnector;
  readonly guard: AddressGuard;
  readonly explain: Explainer | undefined;
}

type VerbHandler = (context: RequestContext, resource: Resource) => Promise<HttpResponse>;

export class Router {
  readonly #options: RouterOptions;
  readonly #subresources: ReadonlyMap<string, SubresourceHandler>;
  readonly #streams = new Map(STREAM_HANDLERS.map((handler) => [handler.subresource, handler]));
  readonly #services: StreamServices & ProxyServices;
  readonly #verbs: Readonly<Record<Verb, VerbHandler>>;
  readonly #history: HistoryHandler;
  #watches = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    const { registry } = options;
    this.#subresources = new Map(
      SUBRESOURCE_HANDLERS.map((handler) => [
        `${handler.group}/${handler.plural}/${handler.subresource}`,
        handler,
      ]),
    );
    const writes: WriteServices = {
      registry,
      admission: options.admission,
      authorize: options.authorize,
    };
    this.#services = {
      registry,
      writes,
      reader: options.reader,
      tokens: options.tokens,
      authenticateToken: options.authenticateToken,
      allowsAnonymous: options.allowsAnonymous,
      authorize: options.authorize,
      rules: options.rules,
      environment: options.environment,
      kubelets: options.kubelets,
      resourceOf: (group, plural) => options.resources.first(group, plural),
      backends: options.backends,
      guard: options.guard,
      random: options.environment.random,
    };
    this.#history = new HistoryHandler({ ...options, writes, policy: options.history });
    const limits: WatchLimits = {
      open: (info) => this.#openWatch(info),
      shutdown: options.shutdown,
      watchList: options.gates.enabled('WatchList'),
    };
    this.#verbs = {
      get: (context, resource) => getObject(context, registry, resource),
      list: (context, resource) => listObjects(context, registry, resource),
      watch: (context, resource) => watchObjects(context, registry, resource, limits),
      create: (context, resource) => createObject(context, resource, writes),
      update: (context, resource) => updateObject(context, resource, writes),
      patch: (context, resource) => patchObject(context, resource, writes),
      delete: (context, resource) => deleteObject(context, resource, writes),
      deletecollection: (context, resource) => deleteCollection(context, resource, writes),
    };
  }

  async route(context: RequestContext): Promise<HttpResponse> {
    if (context.info.path.startsWith('//')) return pageNotFound();
    if (context.info.isResourceRequest) return this.#resource(context);
    return (await this.#path(context)) ?? pageNotFound();
  }

  async #path(context: RequestContext): Promise<HttpResponse | undefined> {
    const { discovery, openApi } = this.#options;
    const found =
      handleRootPath(context, this.#options) ??
      (await discovery.handle(context)) ??
      (await openApi.handle(context));
    if (found !== undefined) return found;
    const { method } = context.request;
    if (method === 'GET' || (await discovery.handle(asGet(context))) === undefined)
      return isOfServedGroup(context, this.#options.resources) ? notFoundPath() : undefined;
    throw methodNotAllowed();
  }

  async #resource(context: RequestContext): Promise<HttpResponse> {
    const { info } = context;
    const resource = this.#options.resources.find(info.group, info.version, info.resource);
    if (resource === undefined) {
      const found = await this.#options.discovery.handle(context);
      if (found !== undefined) return found;
      return isOfServedGroup(context, this.#options.resources) ? notFoundPath() : pageNotFound();
    }
    if (info.historyView !== undefined) {
      checkScope(context, resource);
      return this.#history.handle(context, resource);
    }
    if (info.isWhy === true) {
      checkScope(context, resource);
      const { explain } = this.#options;
      return explain === undefined ? pageNotFound() : answerWhy(context, resource, explain);
    }
    if (resource.kind.custom === undefined) checkRoute(context, resource.kind);
    else checkScope(context, resource);
    if (resource.kind.deprecation !== undefined) context.warn(resource.kind.deprecation);
    const stream =
      info.resource === 'pods' && info.group === ''
        ? this.#streams.get(info.subresource)
        : undefined;
    const special =
      stream ??
      (info.subresource === 'scale' && resource.kind.scale !== undefined
        ? SCALE_HANDLER
        : this.#subresources.get(`${info.group}/${info.resource}/${info.subresource}`));
    if (special !== undefined) {
      if (!special.methods.includes(context.request.method))
        throw methodNotSupported(resource.groupResource, info.verb);
      return special.handle(context, this.#services, resource);
    }
    if (info.subresource === 'proxy' && hasProxy(resource.kind)) {
      if (!PROXY_METHODS.includes(context.request.method))
        throw methodNotSupported(resource.groupResource, info.verb);
      return proxy(context, this.#services, resource);
    }
    if (info.subresource !== '') return this.#view(context, resource);
    return this.#verb(context, resource);
  }

  #verb(context: RequestContext, resource: Resource): Promise<HttpResponse> {
    const { verb, name } = context.info;
    const handle =
      isVerb(verb) && resource.kind.verbs.includes(verb) ? this.#verbs[verb] : undefined;
    if (handle === undefined) throw methodNotSupported(resource.groupResource, verb);
    if (name !== '' && (verb === 'create' || verb === 'list'))
      throw methodNotSupported(resource.groupResource, verb);
    if (name === '' && (verb === 'update' || verb === 'patch'))
      throw methodNotSupported(resource.groupResource, verb);
    return handle(context, resource);
  }

  /** `status` and the kind's other views are the object itself, written by other rules. */
  #view(context: RequestContext, resource: Resource): Promise<HttpResponse> {
    const { subresource, verb } = context.info;
    const { kind } = resource;
    const known =
      (subresource === 'status' && kind.hasStatus === true) ||
      kind.views?.some((view) => view.name === subresource);
    if (known !== true && kind.custom !== undefined)
      throw notFound(resource.groupResource, context.info.name);
    if (known !== true) throw pathNotFound();
    if (verb === 'get' || verb === 'update' || verb === 'patch')
      return this.#verbs[verb](context, resource);
    throw methodNotSupported(resource.groupResource, verb);
  }

  #openWatch(info: RequestInfo): () => void {
    if (this.#watches >= this.#options.watchesMax) {
      throw tooManyRequests('Too many watches are open, please try again later.', 5);
    }
    this.#watches += 1;
    const forget = this.#options.flowControl?.watches.open(info);
    return () => {
      this.#watches -= 1;
      forget?.();
    };
  }
}

function isVerb(verb: string): verb is Verb {
  const known: readonly string[] = ALL_VERBS;
  return known.includes(verb);
}

/** A namespace where there is none, or none where one is needed. */
function checkScope(context: RequestContext, resource: Resource): void {
  const { namespace, name, verb } = context.info;
  const { namespaced, kind, group } = resource.kind;
  if (!namespaced && namespace !== '' && !(kind === 'Namespace' && group === ''))
    throw pathNotFound();
  const needsNamespace = name !== '' || verb === 'create' || verb === 'deletecollection';
  if (namespaced && namespace === '' && needsNamespace)
    throw methodNotSupported(resource.groupResource, verb);
}

function notFoundPath(): HttpResponse {
  throw pathNotFound();
}

/**
 * Its group is served, or its API is the core's: what is missing is a version or a resource. Of
 * groups of custom kinds alone upstream knows nothing.
 */
function isOfServedGroup({ info }: RequestContext, resources: ResourceSet): boolean {
  const [root, first = ''] = info.path.split('/').filter((part) => part !== '');
  if (root === 'api') return true;
  return (
    root === 'apis' &&
    resources.kinds().some(({ group, custom }) => custom === undefined && group === first)
  );
}

/** The same request as a read, to learn whether the path is there. */
function asGet(context: RequestContext): RequestContext {
  const { request, info, environment } = context;
  return new RequestContext({ ...request, method: 'GET' }, info, environment);
}
