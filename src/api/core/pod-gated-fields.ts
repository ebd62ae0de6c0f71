/**
 * Fields of a pod's spec behind gates that are off in v1.36: ClusterTrustBundleProjection,
 * PodCertificateRequest, ContainerStopSignals, GenericWorkload.
 *
 * Source: upstream pkg/api/pod/util.go (dropDisabledFields).
 */
import type { HonouredGate } from '../features/feature-gates.ts';

const FIELDS = [
  'volumes[].projected.sources[].clusterTrustBundle',
  'volumes[].projected.sources[].podCertificate',
  'schedulingGroup',
  'containers[].lifecycle^stopSignal',
  'initContainers[].lifecycle^stopSignal',
  'ephemeralContainers[].lifecycle^stopSignal',
];

/** The gate that lets in one of these fields, where both values of the gate are there. */
export function gateOfPodField(path: string): HonouredGate | undefined {
  if (path.endsWith('.clusterTrustBundle')) return 'ClusterTrustBundleProjection';
  if (path.endsWith('.podCertificate')) return 'PodCertificateRequest';
  return path.endsWith('.schedulingGroup') ? 'GenericWorkload' : undefined;
}

/** `at`: where the spec lies in the object, as `spec.template.spec`. */
export function podGatedFields(at: string): string[] {
  return FIELDS.map((field) => `${at}.${field}`);
}
