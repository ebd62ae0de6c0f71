/** What admission plug-ins decide with. */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { Environment } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { LocalClient } from '../bootstrap/local-client.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { ObjectReader } from './admission.ts';
import type { PluginConfigurations } from './options.ts';

export interface AdmissionServices {
  readonly reader: ObjectReader;
  readonly authorize: Authorizer;
  readonly environment: Environment;
  /** Its hub says when the caches have changed. */
  readonly registry: Pick<Registry, 'hub' | 'update'>;
  readonly resources: Pick<ResourceSet, 'first' | 'kinds'>;
  readonly metrics: MetricRegistry;
  readonly gates: FeatureGates;
  /** The road to webhooks. */
  readonly backends: BackendConnector;
  /** Asks this server itself, as who may do all. */
  readonly client: Pick<LocalClient, 'create'>;
  readonly configuration?: PluginConfigurations;
}
