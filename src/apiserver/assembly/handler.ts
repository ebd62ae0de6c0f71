/** From a request to its answer: the filters, then the verbs of this server or another server. */
import type { Handler } from '#base/http/message.ts';
import { AdmissionChain } from '../admission/admission.ts';
import { EquivalentResources } from '../admission/matching/equivalents.ts';
import { isSwitchedOn } from '../admission/options.ts';
import { admissionInOrder } from '../admission/order.ts';
import { WebhookBudget } from '../admission/webhooks/budget.ts';
import { mergedDiscovery } from '../aggregator/discovery.ts';
import { mergedOpenApi } from '../aggregator/openapi.ts';
import { RequestContext } from '../context.ts';
import { createDiscovery } from '../discovery/discovery.ts';
import { pipeline } from '../filters/filter.ts';
import { filtersInOrder } from '../filters/order.ts';
import { HISTORY_KINDS } from '../history/paths.ts';
import { HISTORY_DEFAULTS } from '../history/policy.ts';
import { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import { ImpersonationMetrics } from '../metrics/impersonation-metrics.ts';
import { MetricsPage } from '../metrics/page.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { createOpenApi } from '../openapi/openapi.ts';
import type { Registry } from '../registry/registry.ts';
import { requestInfoOf } from '../request-info.ts';
import { Router } from '../router.ts';
import { locateWebhook } from '../webhooks/locate.ts';
import { WHY_KIND } from '../why/paths.ts';
import { ZPages } from '../zpages.ts';
import type { Access } from './access.ts';
import type { Aggregation } from './aggregation.ts';
import type { ServerCore } from './core.ts';
import { hostPort } from './loops.ts';

export interface HandlerParts {
  readonly core: ServerCore;
  readonly access: Access;
  readonly aggregation: Aggregation;
  readonly registry: Registry;
}

export function createHandler(parts: HandlerParts): Handler {
  const { core, access } = parts;
  const { limits, gates, environment } = core;
  const { aggregator } = parts.aggregation;
  const router = createRouter(parts);
  const cbor = gates.enabled('CBORServingAndStorage');
  const run = pipeline(
    filtersInOrder({
      authenticate: (context) =>
        access.authenticate(
          context.request,
          (text) => context.warn(text),
          (key, value) => context.annotate(key, value),
        ),
      dismissesAnonymous: gates.enabled('UnauthenticatedHTTP2DOSMitigation'),
      authorize: access.authorize,
      impersonation: {
        authorize: access.authorize,
        clock: environment.clock,
        metrics: new ImpersonationMetrics(core.metrics.registry),
        constrained: gates.enabled('ConstrainedImpersonation'),
      },
      inFlight: { reads: limits.readsInFlight, writes: limits.writesInFlight },
      flowControl: core.flowControl,
      requestTimeoutMs: limits.requestTimeoutMs,
      compresses: gates.enabled('APIResponseCompression'),
      metrics: core.metrics,
      clock: environment.clock,
      auditor: core.auditor,
    }),
    (context) => {
      const other = aggregator.remoteOf(context.info.path);
      return other === undefined ? router.route(context) : aggregator.pass(context, other);
    },
  );
  return (request) => {
    const info = requestInfoOf(request.method, request.url);
    return run(new RequestContext(request, info, environment, { cbor }));
  };
}

function createAdmission({ core, access, aggregation, registry }: HandlerParts): AdmissionChain {
  const { options, environment, gates, resources, reader, client, limits } = core;
  const metricRegistry = core.metrics.registry;
  const metrics = new AdmissionMetrics(metricRegistry, environment.clock);
  const { configuration } = options.admission ?? {};
  const plugins = admissionInOrder({
    reader,
    authorize: access.authorize,
    environment,
    registry,
    resources,
    equivalents: new EquivalentResources(resources),
    client,
    gates,
    metrics,
    metricRegistry,
    webhooks: {
      locate: (config, users) => locateWebhook(aggregation.webhooks, config, users),
      budget: new WebhookBudget(environment.clock, limits.webhookBudgetMs),
    },
    backends: core.webhookBackends,
    ...(configuration === undefined ? {} : { configuration }),
  });
  return new AdmissionChain(
    plugins.filter(({ name }) => isSwitchedOn(name, options.admission)),
    metrics,
  );
}

function createRouter({ core, access, aggregation, registry }: HandlerParts): Router {
  const { options, environment, gates, resources, reader } = core;
  const { authorize, rules, tokens, authenticateToken, allowsAnonymous } = access;
  return new Router({
    environment,
    registry,
    resources,
    reader,
    tokens,
    authenticateToken,
    allowsAnonymous,
    authorize,
    rules,
    health: core.health,
    admission: createAdmission({ core, access, aggregation, registry }),
    watchesMax: core.limits.watches,
    flowControl: core.flowControl,
    history: { ...HISTORY_DEFAULTS, ...options.history },
    shutdown: core.shutdown.signal,
    ...createDocuments(core, aggregation),
    kubelets: options.kubelets,
    gates,
    zPages: new ZPages({
      environment,
      flags: options.flags ?? new Map(),
      statusz: gates.enabled('ComponentStatusz'),
      flagz: gates.enabled('ComponentFlagz'),
    }),
    metrics: new MetricsPage(core.metrics.registry, new MetricRegistry()),
    backends: aggregation.remote.backends,
    guard: aggregation.remote.guard,
    explain: options.explain,
  });
}

/** What there is, for clients to look up. */
function createDocuments(core: ServerCore, { aggregator, remote }: Aggregation) {
  const { options, environment, gates, resources } = core;
  const { apiServices } = aggregator;
  const others = options.explain === undefined ? HISTORY_KINDS : [...HISTORY_KINDS, WHY_KIND];
  return {
    discovery: mergedDiscovery({
      kinds: resources,
      others,
      own: createDiscovery({
        kinds: resources,
        others,
        serverAddress: hostPort(options.advertise),
        versionHashes: gates.enabled('StorageVersionHash'),
      }),
      apiServices,
      remote: aggregator.discovery,
    }),
    openApi: mergedOpenApi({
      own: createOpenApi({
        kinds: resources,
        environment,
        enums: gates.enabled('OpenAPIEnums'),
        cbor: gates.enabled('CBORServingAndStorage'),
      }),
      apiServices,
      services: remote,
    }),
  };
}
