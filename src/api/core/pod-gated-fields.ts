/**
 * Fields of a pod's spec behind gates that are off in v1.36: ClusterTrustBundleProjection,
 * PodCertificateRequest, ContainerStopSignals, GenericWorkload.
 *
 * Source: upstream pkg/api/pod/util.go (dropDisabledFields).
 */
const FIELDS = [
  'volumes[].projected.sources[].clusterTrustBundle',
  'volumes[].projected.sources[].podCertificate',
  'schedulingGroup',
  'containers[].lifecycle^stopSignal',
  'initContainers[].lifecycle^stopSignal',
  'ephemeralContainers[].lifecycle^stopSignal',
];

/** `at`: where the spec lies in the object, as `spec.template.spec`. */
export function podGatedFields(at: string): string[] {
  return FIELDS.map((field) => `${at}.${field}`);
}
