/**
 * Admission plug-ins by name, for --enable-admission-plugins and --disable-admission-plugins.
 *
 * Source: upstream pkg/kubeapiserver/options/plugins.go.
 */
import { UserError } from '../user-error.ts';

/** Upstream's, and there. */
export const BUILT_PLUGINS: ReadonlySet<string> = new Set([
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'DefaultStorageClass',
  'DefaultTolerationSeconds',
  'DenyServiceExternalIPs',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'LimitPodHardAntiAffinityTopology',
  'LimitRanger',
  'MutatingAdmissionWebhook',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'NamespaceLifecycle',
  'NodeDeclaredFeatureValidator',
  'NodeRestriction',
  'OwnerReferencesPermissionEnforcement',
  'PersistentVolumeClaimResize',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
  'PodNodeSelector',
  'PodResizeValidator',
  'PodSecurity',
  'PodTolerationRestriction',
  'PodTopologyLabels',
  'Priority',
  'ResourceQuota',
  'RuntimeClass',
  'ServiceAccount',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
  'ValidatingAdmissionWebhook',
]);

/** Upstream's, and not there. */
const MISSING: ReadonlySet<string> = new Set([
  'MutatingAdmissionPolicy',
  'ValidatingAdmissionPolicy',
]);

/** Throws UserError for names that are unknown, cannot be switched on, or are in both lists. */
export function checkPluginNames(enable: readonly string[], disable: readonly string[]): void {
  for (const [flag, names] of [
    ['enable-admission-plugins', enable],
    ['disable-admission-plugins', disable],
  ] as const) {
    const unknown = names.find((name) => !BUILT_PLUGINS.has(name) && !MISSING.has(name));
    if (unknown !== undefined)
      throw new UserError(`${flag} plugin ${JSON.stringify(unknown)} is unknown`);
  }
  const both = enable.filter((name) => disable.includes(name));
  if (both.length > 0)
    throw new UserError(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  const missing = enable.find((name) => MISSING.has(name));
  if (missing !== undefined)
    throw new UserError(
      `Cannot enable the admission plug-in ${missing}: kube-apiserver has it, cox apiserver does not have it yet.`,
    );
}
