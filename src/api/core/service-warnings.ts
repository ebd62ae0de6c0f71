/** What is odd about a Service, though valid. Upstream: pkg/api/service/warnings.go. */
import type { Service } from '#api/gen/core-v1.ts';

export function warnAboutService({ metadata, spec }: Service): string[] {
  if (spec === undefined) return [];
  const warnings: string[] = [];
  const headless = spec.clusterIP === 'None';
  const external = (spec.externalIPs ?? []).length > 0;
  if (metadata?.annotations?.['service.kubernetes.io/topology-aware-hints'] !== undefined) {
    warnings.push(
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
    );
  }
  if (headless) {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (external) warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== 'None')
      warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  if (external && !headless && spec.type !== 'ExternalName') {
    warnings.push(
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    );
  }
  if (spec.type === 'ExternalName' && external)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== 'ExternalName' && spec.externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if (spec.trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  }
  return warnings;
}
