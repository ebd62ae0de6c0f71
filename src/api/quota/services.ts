/**
 * What Services use of a quota: their number, and the node ports and load balancers they stand for.
 *
 * Upstream: pkg/quota/v1/evaluator/core/services.go, v1.36.
 */
import type { Service } from '#api/gen/core-v1.ts';
import { type Evaluator, objectCountName } from './evaluator.ts';

const RESOURCE = { group: '', resource: 'services' };
const COUNT = objectCountName(RESOURCE);
const NAMES = [COUNT, 'services', 'services.nodeports', 'services.loadbalancers'];

export const SERVICE_EVALUATOR: Evaluator<Service> = {
  resource: RESOURCE,
  covers: (name) => NAMES.includes(name),
  isInScope: () => false,
  usage: (service) => ({
    [COUNT]: '1',
    services: '1',
    'services.nodeports': String(nodePorts(service)),
    'services.loadbalancers': service.spec?.type === 'LoadBalancer' ? '1' : '0',
  }),
  // The type of a Service may change.
  charges: ({ subresource }) => subresource === '',
  isFreedBy: (next, previous) => outsideType(next) !== outsideType(previous),
};

/** Ports that have a node port or are to get one: they may not be given yet. */
function nodePorts({ spec }: Service): number {
  const ports = spec?.ports ?? [];
  if (spec?.type !== 'NodePort' && spec?.type !== 'LoadBalancer') return 0;
  if (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false)
    return ports.filter(({ nodePort = 0 }) => nodePort !== 0).length;
  return ports.length;
}

function outsideType({ spec }: Service): string | undefined {
  return spec?.type === 'NodePort' || spec?.type === 'LoadBalancer' ? spec.type : undefined;
}
