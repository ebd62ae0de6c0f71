/**
 * The ServiceCIDR `kubernetes`: the range of the flag, made when it is not there, ready, widened from
 * one family to two. What else differs from the flag stays and is told: addresses are in use.
 *
 * Source: upstream pkg/controlplane/controller/defaultservicecidr.
 */
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { timeText } from '#api/meta/time.ts';
import { READY } from '#api/networking/service-ranges.ts';
import { messageOf } from '#base/error.ts';
import { SERVICE_CIDRS } from '../admission/targets.ts';
import type { KeepingServices, Wanted } from './ensure.ts';
import { report } from './report.ts';

const REPORTER = 'kubernetes-service-cidr-controller';
const NAME = 'kubernetes';

/** `serviceClusterIpRange`: a CIDR, or one of each family joined by a comma. */
export function defaultServiceCidr(serviceClusterIpRange: string): Wanted<ServiceCIDR> {
  const cidrs = serviceClusterIpRange.split(',').map((cidr) => cidr.trim());
  return {
    target: { ...SERVICE_CIDRS, version: 'v1' },
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: NAME },
      spec: { cidrs },
    },
    reconcile: (existing) => {
      const before = existing.spec?.cidrs ?? [];
      const joins = cidrs.length === 2 && before.length === 1 && before[0] === cidrs[0];
      return joins ? { ...existing, spec: { cidrs } } : undefined;
    },
    settle: (existing, services) => settle(existing, cidrs, services),
  };
}

async function settle(
  existing: ServiceCIDR,
  cidrs: readonly string[],
  services: KeepingServices,
): Promise<void> {
  // Its end is the business of the controller of the ranges.
  if (existing.metadata?.deletionTimestamp !== undefined) return;
  const tell = (reason: string, message: string): Promise<void> => {
    const nowMs = services.environment.clock.now();
    const about = { ...existing, apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR' };
    const action = '';
    const finding = { about, reporter: REPORTER, reason, action, message };
    return report(services.client, finding, nowMs).catch((error: unknown) =>
      services.environment.log.warn('cannot report what is wrong with the default ServiceCIDR', {
        reason,
        error: messageOf(error),
      }),
    );
  };
  const present = existing.spec?.cidrs ?? [];
  if (!equalValues(present, cidrs)) {
    const list = (texts: readonly string[]): string => `[${texts.join(' ')}]`;
    await tell(
      'KubernetesDefaultServiceCIDRInconsistent',
      `The default ServiceCIDR ${list(present)} does not match the controller flag configurations ${list(cidrs)}`,
    );
    return;
  }
  const ready = existing.status?.conditions?.find(({ type }) => type === READY);
  if (ready?.status === 'True') return;
  if (ready?.status === 'False') {
    await tell(ready.reason, `Configuration matches, but ${ready.message}`);
    return;
  }
  const condition = {
    type: READY,
    status: 'True',
    lastTransitionTime: timeText(services.environment.clock.now()),
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
  };
  const status: ServiceCIDR = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: NAME },
    status: { conditions: [condition] },
  };
  const target = { ...SERVICE_CIDRS, version: 'v1' };
  await services.client.apply(target, status, { manager: REPORTER, subresource: 'status' });
}
