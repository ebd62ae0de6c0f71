/** What admission plug-ins decide with. */
import type { Environment } from '#base/env.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import type { WebhookClientConfig, WebhookRoad } from '../webhooks/locate.ts';
import type { ObjectReader } from './admission.ts';
import type { EquivalentResources } from './matching/equivalents.ts';
import type { WebhookBudget } from './webhooks/budget.ts';

export interface AdmissionServices {
  readonly reader: ObjectReader;
  readonly authorize: Authorizer;
  readonly environment: Environment;
  /** Its hub says when the caches have changed. */
  readonly registry: Pick<Registry, 'hub' | 'update'>;
  readonly resources: Pick<ResourceSet, 'first'>;
  /** Of the resources that are served. */
  readonly equivalents: EquivalentResources;
  readonly metrics: AdmissionMetrics;
  readonly webhooks: {
    /** The road to a webhook. Throws where there is none. */
    locate(config: WebhookClientConfig): WebhookRoad;
    /** Of the requests that are under way. */
    readonly budget: WebhookBudget;
  };
}
