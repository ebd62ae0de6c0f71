/** Paths that are of no resource: `/`, `/version`, health, OpenID, statusz, flagz, metrics. */
import type { HttpResponse } from '#base/http/message.ts';
import { methodNotAllowed } from '#api/meta/status.ts';
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts';
import type { RequestContext } from './context.ts';
import { flowControlDump } from './flow-control/dumps.ts';
import type { FlowControl } from './flow-control/flow-control.ts';
import type { Health } from './health.ts';
import type { MetricsPage } from './metrics/page.ts';
import { pathList } from './path-list.ts';
import type { ResourceSet } from './registry/resource-set.ts';
import { jsonResponse } from './respond.ts';
import { versionInfo } from './version.ts';
import type { ZPages } from './zpages.ts';

export interface RootPathOptions {
  readonly health: Health;
  readonly tokens: ServiceAccountTokens;
  readonly resources: ResourceSet;
  readonly zPages: ZPages;
  readonly metrics: MetricsPage;
  readonly flowControl: FlowControl | undefined;
}

/** Undefined for a path that is somebody else's. Throws 405 and 406. */
export function handleRootPath(
  context: RequestContext,
  options: RootPathOptions,
): HttpResponse | undefined {
  const { path, query } = context.info;
  const { health, tokens, resources, zPages, metrics } = options;
  switch (path) {
    case '/':
    case '/index.html':
      return jsonResponse(200, pathList(resources.kinds(), health), true);
    case '/version':
    case '/version/':
      if (context.request.method !== 'GET') throw methodNotAllowed();
      return jsonResponse(200, versionInfo(), true);
    case '/openid/v1/jwks':
      return jsonResponse(200, tokens.jwks());
    case '/.well-known/openid-configuration':
      return jsonResponse(200, tokens.discovery());
    case '/metrics':
    case '/metrics/slis':
      return metrics.answer(path);
    default:
      return health.handle(path, query) ?? zPages.handle(context) ?? dump(context, options);
  }
}

function dump(
  { info, environment: { clock } }: RequestContext,
  { flowControl }: RootPathOptions,
): HttpResponse | undefined {
  if (flowControl === undefined) return undefined;
  const clocks = { nowMs: clock.now(), monotonicMs: clock.monotonicMs() };
  return flowControlDump(flowControl, info, clocks);
}
