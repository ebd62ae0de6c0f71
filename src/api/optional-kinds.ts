/**
 * Versions that a default server does not serve: alpha and beta, behind `--runtime-config`, some
 * behind a feature gate too.
 *
 * Source: upstream pkg/controlplane/instance.go for what is off; the API lifecycle of each type for
 * what is deprecated.
 */
import { MUTATING_ADMISSION_POLICY_BINDING } from './admissionregistration/mutating-admission-policy-binding.ts';
import { MUTATING_ADMISSION_POLICY } from './admissionregistration/mutating-admission-policy.ts';
import { STORAGE_VERSION } from './apiserverinternal/storage-version.ts';
import { CLUSTER_TRUST_BUNDLE } from './certificates/cluster-trust-bundle.ts';
import { POD_CERTIFICATE_REQUEST } from './certificates/pod-certificate-request.ts';
import { LEASE_CANDIDATE } from './coordination/lease-candidate.ts';
import { anyKind, type AnyKind } from './kind.ts';
import { apiVersionOf } from './meta/object.ts';
import { IP_ADDRESS } from './networking/ip-address.ts';
import { SERVICE_CIDR } from './networking/service-cidr.ts';
import { DEVICE_CLASS } from './resource/device-class.ts';
import { DEVICE_TAINT_RULE } from './resource/device-taint-rule.ts';
import { RESOURCE_CLAIM_TEMPLATE } from './resource/resource-claim-template.ts';
import { RESOURCE_CLAIM } from './resource/resource-claim.ts';
import { RESOURCE_POOL_STATUS_REQUEST } from './resource/resource-pool-status-request.ts';
import { RESOURCE_SLICE } from './resource/resource-slice.ts';
import { claimInV1beta1, sliceInV1beta1, templateInV1beta1 } from './resource/v1beta1.ts';
import { deprecated, inVersion, type VersionTraits } from './same-fields.ts';
import { POD_GROUP, WORKLOAD } from './scheduling/workload.ts';
import { STORAGE_VERSION_MIGRATION } from './storagemigration/storage-version-migration.ts';
import { VOLUME_ATTRIBUTES_CLASS } from './storage/volume-attributes-class.ts';

/** `kind` in `version` goes away: deprecated since one minor version, gone from another. */
function leaving(
  kind: { readonly group: string; readonly kind: string },
  version: string,
  [since, until, use]: readonly [since: string, until: string, use?: string],
): VersionTraits {
  return {
    deprecation: deprecated(
      { group: kind.group, version, kind: kind.kind },
      { since, until, ...(use === undefined ? {} : { use }) },
    ),
  };
}

const RESOURCE_V1BETA1 = ['1.35', '1.38'] as const;
const RESOURCE_V1BETA2 = ['1.36', '1.39'] as const;
const NETWORKING = ['1.34', '1.37'] as const;
const vac = VOLUME_ATTRIBUTES_CLASS;

const DEVICES: readonly AnyKind[] = [
  inVersion(DEVICE_TAINT_RULE, 'v1beta2'),
  anyKind({ ...DEVICE_TAINT_RULE, ...leaving(DEVICE_TAINT_RULE, 'v1alpha3', RESOURCE_V1BETA2) }),
  anyKind(RESOURCE_POOL_STATUS_REQUEST),
  ...[
    anyKind(DEVICE_CLASS),
    anyKind(RESOURCE_CLAIM),
    anyKind(RESOURCE_CLAIM_TEMPLATE),
    anyKind(RESOURCE_SLICE),
  ].map((kind) => inVersion(kind, 'v1beta2', leaving(kind, 'v1beta2', RESOURCE_V1BETA2))),
  inVersion(DEVICE_CLASS, 'v1beta1', leaving(DEVICE_CLASS, 'v1beta1', RESOURCE_V1BETA1)),
  claimInV1beta1(RESOURCE_CLAIM, leaving(RESOURCE_CLAIM, 'v1beta1', RESOURCE_V1BETA1)),
  templateInV1beta1(
    RESOURCE_CLAIM_TEMPLATE,
    leaving(RESOURCE_CLAIM_TEMPLATE, 'v1beta1', RESOURCE_V1BETA1),
  ),
  sliceInV1beta1(RESOURCE_SLICE, leaving(RESOURCE_SLICE, 'v1beta1', RESOURCE_V1BETA1)),
];

/** The better version of a kind comes first. */
export const OPTIONAL_KINDS: readonly AnyKind[] = [
  ...[anyKind(MUTATING_ADMISSION_POLICY), anyKind(MUTATING_ADMISSION_POLICY_BINDING)].flatMap(
    (kind) => [
      inVersion(kind, 'v1beta1'),
      inVersion(kind, 'v1alpha1', leaving(kind, 'v1alpha1', ['1.35', '1.38'])),
    ],
  ),
  anyKind(STORAGE_VERSION),
  anyKind(CLUSTER_TRUST_BUNDLE),
  inVersion(
    CLUSTER_TRUST_BUNDLE,
    'v1alpha1',
    leaving(CLUSTER_TRUST_BUNDLE, 'v1alpha1', ['1.34', '1.37']),
  ),
  anyKind(POD_CERTIFICATE_REQUEST),
  anyKind({
    ...LEASE_CANDIDATE,
    ...leaving(LEASE_CANDIDATE, 'v1beta1', ['1.36', '1.39']),
  }),
  inVersion(LEASE_CANDIDATE, 'v1alpha2', leaving(LEASE_CANDIDATE, 'v1alpha2', ['1.35', '1.38'])),
  inVersion(IP_ADDRESS, 'v1beta1', leaving(IP_ADDRESS, 'v1beta1', NETWORKING)),
  inVersion(SERVICE_CIDR, 'v1beta1', leaving(SERVICE_CIDR, 'v1beta1', NETWORKING)),
  ...DEVICES,
  anyKind(POD_GROUP),
  anyKind(WORKLOAD),
  inVersion(
    vac,
    'v1beta1',
    leaving(vac, 'v1beta1', ['1.34', '1.37', `${apiVersionOf(vac)} ${vac.kind}`]),
  ),
  anyKind(STORAGE_VERSION_MIGRATION),
];
