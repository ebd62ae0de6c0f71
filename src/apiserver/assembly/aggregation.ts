/** Other API servers behind this one, and the roads to them and to pods. */
import type { AnyKind } from '#api/kind.ts';
import { Aggregator } from '../aggregator/aggregator.ts';
import type { GroupVersion } from '../aggregator/registration.ts';
import type { RemoteServices } from '../aggregator/remote.ts';
import { AddressGuard } from '../proxy/addresses.ts';
import { CertificateMetrics } from '../metrics/certificate-metrics.ts';
import { FaultCounter } from '../proxy/certificate-faults.ts';
import type { WebhookServices } from '../webhooks/locate.ts';
import type { ServerCore } from './core.ts';

export interface Aggregation {
  readonly remote: RemoteServices;
  /** The same to webhooks. */
  readonly webhooks: WebhookServices;
  readonly aggregator: Aggregator;
}

export function createAggregation(core: ServerCore): Aggregation {
  const { options, environment, reader, backends, metrics, resources, builtIn } = core;
  const remote: RemoteServices = {
    environment,
    reader,
    random: environment.random,
    guard: new AddressGuard(options),
    backends,
    identity: options.frontProxy,
  };
  const faults = new FaultCounter(
    new CertificateMetrics(metrics.registry, 'kube_aggregator'),
    environment.log,
  );
  const aggregator = new Aggregator({
    ...remote,
    backends: faults.backends(backends),
    checkBackends: backends,
    client: core.client,
    local: {
      builtIn: groupVersionsOf(builtIn),
      custom: () => resources.customGroupVersions(),
    },
  });
  resources.onChange = () => aggregator.registration.changed();
  return { remote, webhooks: { ...remote, backends: core.webhookBackends }, aggregator };
}

function groupVersionsOf(kinds: readonly AnyKind[]): GroupVersion[] {
  const all = kinds.map(
    ({ group, version }) => [`${group}/${version}`, { group, version }] as const,
  );
  return [...new Map(all).values()];
}
