/**
 * All controllers under upstream's names, in the order in which they are started: the only list.
 *
 * Source of the names: upstream cmd/kube-controller-manager/names, v1.36.
 */
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import { STORAGE_VERSION } from '#api/apiserverinternal/storage-version.ts';
import { FeatureGates, type HonouredGate } from '#api/features/feature-gates.ts';
import type { GroupVersionKind } from '#api/meta/object.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import { STORAGE_VERSION_MIGRATION } from '#api/storagemigration/storage-version-migration.ts';
import type { Controller } from '#reconcile/controller.ts';
import { bootstrapSigner } from './bootstrap-signer.ts';
import { csrApprovingController } from './certificatesigningrequest-approving.ts';
import { csrCleanerController } from './certificatesigningrequest-cleaner.ts';
import { csrSigningController } from './certificatesigningrequest-signing.ts';
import type { SigningCa } from './certificatesigningrequest/certificate.ts';
import { clusterRoleAggregationController } from './clusterrole-aggregation.ts';
import { cronJobController } from './cronjob.ts';
import { daemonSetController } from './daemonset.ts';
import { deploymentController } from './deployment.ts';
import { deviceTaintEvictionController } from './device-taint-eviction.ts';
import { disruptionController } from './disruption.ts';
import { endpointsController } from './endpoints.ts';
import { endpointSliceController } from './endpointslice.ts';
import { endpointSliceMirroringController } from './endpointslicemirroring.ts';
import { ephemeralVolumeController } from './ephemeral-volume.ts';
import { garbageCollector } from './garbage-collector.ts';
import {
  TRUST_BUNDLE_VERSIONS,
  trustBundlePublisher,
} from './kube-apiserver-serving-clustertrustbundle-publisher.ts';
import { legacyTokenCleaner } from './legacy-service-account-token-cleaner.ts';
import { jobController } from './job.ts';
import { namespaceController } from './namespace.ts';
import { nodeIpamController, type NodeIpamOptions } from './node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import {
  attachDetachController,
  type AttachDetachOptions,
} from './persistentvolume-attach-detach.ts';
import { volumeBinder, type VolumeBinderOptions } from './persistentvolume-binder.ts';
import { volumeExpander } from './persistentvolume-expander.ts';
import { podGcController } from './pod-gc.ts';
import { podCertificateRequestCleaner } from './podcertificaterequest-cleaner.ts';
import { podGroupProtection } from './podgroup-protection.ts';
import { pvProtectionController } from './pv-protection.ts';
import { pvcProtectionController } from './pvc-protection.ts';
import { replicaSetController } from './replicaset.ts';
import { replicationControllerController } from './replicationcontroller.ts';
import { resourceClaimController } from './resourceclaim.ts';
import { resourcePoolStatusController } from './resourcepoolstatusrequest.ts';
import { resourceQuotaController } from './resourcequota.ts';
import { rootCaPublisher } from './root-ca-publisher.ts';
import { selinuxWarningController } from './selinux-warning.ts';
import { serviceCidrController } from './service-cidr.ts';
import { serviceAccountTokenController } from './serviceaccount-token.ts';
import { serviceAccountController } from './serviceaccount.ts';
import { staleDisruptionController } from './stale-disruption.ts';
import { statefulSetController } from './statefulset.ts';
import { storageVersionMigrator } from './storage-version-migrator.ts';
import { storageVersionGarbageCollectors } from './storageversion-garbage-collector.ts';
import { RESOURCE_POOL_STATUS_REQUEST } from './shared/device-types.ts';
import { taintEvictionController } from './taint-eviction.ts';
import { tokenCleaner } from './token-cleaner.ts';
import { ttlAfterFinishedController } from './ttl-after-finished.ts';
import { ttlController } from './ttl.ts';
import { policyStatusController } from './validatingadmissionpolicy-status.ts';
import { vacProtectionController } from './vac-protection.ts';

export interface ControllerOptions {
  /** The cluster's CA in PEM; without it no namespace gets it. */
  readonly rootCa?: string;
  /** The PEM private key of service-account tokens; without it Secrets get no tokens. */
  readonly serviceAccountKey?: string;
  /** After how long without use tokens that nobody asked for are blocked; a year unless given. */
  readonly unusedTokensMs?: number;
  /** The authority that signs what is asked for; without it nothing is signed. */
  readonly signingCa?: SigningCa;
  /** Without it nodes get no ranges of Pod addresses. */
  readonly nodeIpam?: NodeIpamOptions;
  /** How long a deleted namespace is left alone; 0 where one API server serves all. */
  readonly namespaceGraceMs?: number;
  readonly terminatedPodsMax?: number;
  /** Gate MaxUnavailableStatefulSet: StatefulSets may update more than one Pod at once. */
  readonly maxUnavailableStatefulSet?: boolean;
  /** How often quotas are counted anew. */
  readonly quotaResyncMs?: number;
  readonly volumeBinder?: VolumeBinderOptions;
  readonly attachDetach?: AttachDetachOptions;
  /** Some controllers are behind gates; the defaults unless given. */
  readonly gates?: FeatureGates;
  /**
   * Whether the server has a version of a kind that is not in every server: where it has not, the
   * caches of who works on it would never fill. None of them unless given.
   */
  readonly serves?: (type: GroupVersionKind) => boolean;
}

/** A controller of upstream's list. What it does may take several of ours. */
export interface ControllerEntry {
  /** `deployment-controller` */
  readonly name: string;
  /** Older names. */
  readonly aliases: readonly string[];
  /** Upstream's `*` does not stand for it; it must be named. */
  readonly isOffByDefault?: boolean;
  /** None where the options give it nothing to do. */
  readonly make: (options: ControllerOptions) => readonly Controller[];
}

const entry = (name: string, aliases: string, make: ControllerEntry['make']): ControllerEntry => ({
  name,
  aliases: aliases === '' ? [] : aliases.split(' '),
  make,
});

interface Gated<T extends GroupVersionKind> {
  readonly gates: readonly HonouredGate[];
  /** What it works on, the best version first. */
  readonly types: readonly T[];
  /** `type`: the best version that the server has. */
  readonly make: (type: T, options: ControllerOptions) => readonly Controller[];
}

/** A controller that runs where all its gates are on, and the server has what it works on. */
function gated<T extends GroupVersionKind>(
  name: string,
  aliases: string,
  { gates, types, make }: Gated<T>,
): ControllerEntry {
  return entry(name, aliases, (options) => {
    const { gates: set = new FeatureGates(), serves = () => false } = options;
    // The gates first: what the server has may be dear to find out.
    if (!gates.every((gate) => set.enabled(gate))) return [];
    const type = types.find(serves);
    return type === undefined ? [] : make(type, options);
  });
}

const SELINUX_WARNING = 'selinux-warning-controller';

export const CONTROLLERS: readonly ControllerEntry[] = [
  entry('serviceaccount-controller', 'serviceaccount', () => [serviceAccountController]),
  entry('serviceaccount-token-controller', 'serviceaccount-token', (options) => {
    const { serviceAccountKey: key, rootCa } = options;
    if (key === undefined) return [];
    return [serviceAccountTokenController(rootCa === undefined ? { key } : { key, rootCa })];
  }),
  entry('root-ca-certificate-publisher-controller', 'root-ca-cert-publisher', ({ rootCa }) =>
    rootCa === undefined ? [] : [rootCaPublisher({ ca: rootCa })],
  ),
  gated('kube-apiserver-serving-clustertrustbundle-publisher-controller', '', {
    gates: ['ClusterTrustBundle'],
    types: TRUST_BUNDLE_VERSIONS,
    make: (type, { rootCa: ca }) => (ca === undefined ? [] : [trustBundlePublisher({ ca, type })]),
  }),
  entry('clusterrole-aggregation-controller', 'clusterrole-aggregation', () => [
    clusterRoleAggregationController,
  ]),
  {
    ...entry('bootstrap-signer-controller', 'bootstrapsigner', () => [bootstrapSigner]),
    isOffByDefault: true,
  },
  {
    ...entry('token-cleaner-controller', 'tokencleaner', () => [tokenCleaner]),
    isOffByDefault: true,
  },
  entry(
    'legacy-serviceaccount-token-cleaner-controller',
    'legacy-service-account-token-cleaner',
    ({ unusedTokensMs: unusedMs }) => [
      legacyTokenCleaner(unusedMs === undefined ? {} : { unusedMs }),
    ],
  ),
  entry('certificatesigningrequest-signing-controller', 'csrsigning', ({ signingCa }) =>
    signingCa === undefined ? [] : [csrSigningController(signingCa)],
  ),
  entry('certificatesigningrequest-approving-controller', 'csrapproving', () => [
    csrApprovingController,
  ]),
  entry('certificatesigningrequest-cleaner-controller', 'csrcleaner', () => [csrCleanerController]),
  gated('podcertificaterequest-cleaner-controller', '', {
    gates: ['PodCertificateRequest'],
    types: [POD_CERTIFICATE_REQUEST],
    make: () => [podCertificateRequestCleaner],
  }),
  entry('node-ipam-controller', 'nodeipam', ({ nodeIpam }) =>
    nodeIpam === undefined ? [] : [nodeIpamController(nodeIpam)],
  ),
  entry('node-lifecycle-controller', 'nodelifecycle', () => [nodeLifecycleController]),
  entry('taint-eviction-controller', '', () => [taintEvictionController]),
  entry('device-taint-eviction-controller', '', () => [deviceTaintEvictionController]),
  entry('ttl-controller', 'ttl', () => [ttlController]),
  entry('daemonset-controller', 'daemonset', () => [daemonSetController()]),
  entry('deployment-controller', 'deployment', () => [deploymentController]),
  entry('replicaset-controller', 'replicaset', () => [replicaSetController]),
  entry('replicationcontroller-controller', 'replicationcontroller', () => [
    replicationControllerController,
  ]),
  entry('statefulset-controller', 'statefulset', ({ maxUnavailableStatefulSet }) => [
    statefulSetController({ allowsMaxUnavailable: maxUnavailableStatefulSet === true }),
  ]),
  entry('job-controller', 'job', () => [jobController]),
  entry('cronjob-controller', 'cronjob', () => [cronJobController]),
  entry('ttl-after-finished-controller', 'ttl-after-finished', () => [ttlAfterFinishedController]),
  entry('disruption-controller', 'disruption', () => [
    disruptionController,
    staleDisruptionController,
  ]),
  entry('endpointslice-controller', 'endpointslice', () => [endpointSliceController]),
  entry('endpoints-controller', 'endpoint', () => [endpointsController]),
  entry('endpointslice-mirroring-controller', 'endpointslicemirroring', () => [
    endpointSliceMirroringController,
  ]),
  entry('service-cidr-controller', '', () => [serviceCidrController]),
  entry('namespace-controller', 'namespace', ({ namespaceGraceMs: graceMs }) => [
    namespaceController(graceMs === undefined ? {} : { graceMs }),
  ]),
  entry('resourcequota-controller', 'resourcequota', (options) => [
    resourceQuotaController(
      options.quotaResyncMs === undefined ? {} : { resyncMs: options.quotaResyncMs },
    ),
  ]),
  entry('pod-garbage-collector-controller', 'podgc', ({ terminatedPodsMax }) => [
    podGcController(terminatedPodsMax === undefined ? {} : { terminatedPodsMax }),
  ]),
  entry('persistentvolume-binder-controller', 'persistentvolume-binder', (options) => [
    volumeBinder(options.volumeBinder),
  ]),
  entry('persistentvolume-attach-detach-controller', 'attachdetach', ({ attachDetach }) => [
    attachDetachController(attachDetach),
  ]),
  entry('persistentvolume-expander-controller', 'persistentvolume-expander', () => [
    volumeExpander,
  ]),
  entry('ephemeral-volume-controller', 'ephemeral-volume', () => [ephemeralVolumeController]),
  entry('resourceclaim-controller', 'resource-claim-controller', () => [resourceClaimController]),
  gated('resourcepoolstatusrequest-controller', '', {
    gates: ['DRAResourcePoolStatus'],
    types: [RESOURCE_POOL_STATUS_REQUEST],
    make: () => [resourcePoolStatusController],
  }),
  entry('persistentvolumeclaim-protection-controller', 'pvc-protection', () => [
    pvcProtectionController,
  ]),
  entry('persistentvolume-protection-controller', 'pv-protection', () => [pvProtectionController]),
  entry('volumeattributesclass-protection-controller', '', () => [vacProtectionController]),
  gated('podgroup-protection-controller', '', {
    gates: ['GenericWorkload'],
    types: [POD_GROUP],
    make: () => [podGroupProtection],
  }),
  entry('garbage-collector-controller', 'garbagecollector', () => [garbageCollector]),
  entry('validatingadmissionpolicy-status-controller', '', () => [policyStatusController]),
  gated('storage-version-migrator-controller', '', {
    gates: ['StorageVersionMigrator'],
    types: [STORAGE_VERSION_MIGRATION],
    make: () => [storageVersionMigrator],
  }),
  gated('storageversion-garbage-collector-controller', 'storage-version-gc', {
    gates: ['APIServerIdentity', 'StorageVersionAPI'],
    types: [STORAGE_VERSION],
    make: () => storageVersionGarbageCollectors,
  }),
  {
    ...entry(SELINUX_WARNING, '', () => [selinuxWarningController]),
    isOffByDefault: true,
  },
];

/** As in a cluster of kubeadm's: only those who know that their nodes have SELinux want its warnings. */
export function allControllers(options: ControllerOptions = {}): Controller[] {
  return CONTROLLERS.filter(({ name }) => name !== SELINUX_WARNING).flatMap(({ make }) =>
    make(options),
  );
}
