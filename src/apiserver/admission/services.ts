/** What admission plug-ins decide with. */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { Environment } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import type { WebhookUsers } from '../webhooks/credentials.ts';
import type { WebhookClientConfig, WebhookRoad } from '../webhooks/locate.ts';
import type { ObjectReader } from './admission.ts';
import type { EquivalentResources } from './matching/equivalents.ts';
import type { WebhookBudget } from './webhooks/budget.ts';
import type { PluginConfigurations } from './options.ts';

export interface AdmissionServices {
  readonly reader: ObjectReader;
  readonly authorize: Authorizer;
  readonly environment: Environment;
  /** Its hub says when the caches have changed. */
  readonly registry: Pick<Registry, 'hub' | 'update'>;
  readonly resources: Pick<ResourceSet, 'first' | 'kinds'>;
  /** Of the resources that are served. */
  readonly equivalents: EquivalentResources;
  readonly metrics: AdmissionMetrics;
  readonly metricRegistry: MetricRegistry;
  readonly gates: FeatureGates;
  readonly webhooks: {
    /** The road to a webhook, which is shown one of `users`. Throws where there is none. */
    locate(config: WebhookClientConfig, users?: WebhookUsers): WebhookRoad;
    /** Of the requests that are under way. */
    readonly budget: WebhookBudget;
  };
  /** The road to webhooks. */
  readonly backends: BackendConnector;
  /** Asks this server itself, as who may do all. */
  readonly client: Pick<LocalClient, 'create'>;
  readonly configuration?: PluginConfigurations;
}
