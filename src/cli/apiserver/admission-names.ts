/**
 * Admission plug-ins by name, for --enable-admission-plugins and --disable-admission-plugins.
 *
 * Source: upstream pkg/kubeapiserver/options/plugins.go for names, and for what is on by default.
 */
import { UserError } from '../user-error.ts';

/** There, and on by default. */
const BUILT: ReadonlySet<string> = new Set([
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'ClusterTrustBundleAttest',
  'DefaultIngressClass',
  'DefaultStorageClass',
  'DefaultTolerationSeconds',
  'LimitRanger',
  'MutatingAdmissionWebhook',
  'NamespaceLifecycle',
  'NodeDeclaredFeatureValidator',
  'NodeRestriction',
  'PersistentVolumeClaimResize',
  'PodGroupProtection',
  'PodResizeValidator',
  'PodTopologyLabels',
  'Priority',
  'ResourceQuota',
  'RuntimeClass',
  'ServiceAccount',
  'StorageObjectInUseProtection',
  'TaintNodesByCondition',
  'ValidatingAdmissionWebhook',
]);

/** Upstream's, and not there: on by default there, or off. */
const MISSING: ReadonlySet<string> = new Set([
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'LimitPodHardAntiAffinityTopology',
  'MutatingAdmissionPolicy',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
  'PodGroupWorkloadExists',
  'PodNodeSelector',
  'PodSecurity',
  'PodTolerationRestriction',
  'ValidatingAdmissionPolicy',
]);

/** The plug-ins to switch off. Throws UserError for names that are unknown, or not there. */
export function disabledAdmission(
  enable: readonly string[],
  disable: readonly string[],
): readonly string[] {
  for (const [flag, names] of [
    ['enable-admission-plugins', enable],
    ['disable-admission-plugins', disable],
  ] as const) {
    const unknown = names.find((name) => !BUILT.has(name) && !MISSING.has(name));
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
  return disable.filter((name) => BUILT.has(name));
}
