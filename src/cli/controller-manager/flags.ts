/** The flags of `cox controller-manager`: upstream's names and defaults, for what there is here. */
import { leaderFlags } from '../component/leader.ts';
import { servingFlags } from '../component/serving.ts';
import {
  bool,
  count,
  duration,
  type Flags as AnyFlags,
  list,
  type Program,
  text,
} from '../flags.ts';
import { MISSING_FLAGS } from './upstream-flags.ts';

const FLAGS = {
  kubeconfig: text('', 'the kubeconfig of the cluster'),
  controllers: list('*', '* are all that are on by default, foo one more, -foo one less'),
  'use-service-account-credentials': bool('false', 'each controller has a service account'),
  ...leaderFlags('kube-controller-manager'),
  ...servingFlags('10257'),
  'root-ca-file': text('', 'the authority that each namespace gets'),
  'service-account-private-key-file': text('', 'signs the tokens in Secrets'),
  'legacy-service-account-token-clean-up-period': duration('8760h', 'after which unused ones go'),
  'cluster-signing-cert-file': text('', 'the authority that signs what is asked for'),
  'cluster-signing-key-file': text('', 'its key'),
  'cluster-signing-duration': duration('8760h', 'how long it signs for at most'),
  'resource-quota-sync-period': duration('5m', 'how often quotas are counted anew'),
  'allocate-node-cidrs': bool('false', 'give nodes ranges of Pod addresses'),
  'cluster-cidr': list('', 'what those ranges are taken from'),
  'service-cluster-ip-range': list('', 'what they keep out of'),
  'node-cidr-mask-size': count('0', 'the prefix length of a node’s range'),
  'node-cidr-mask-size-ipv4': count('0', 'the same of IPv4; 24 unless given'),
  'node-cidr-mask-size-ipv6': count('0', 'the same of IPv6; 64 unless given'),
  'cluster-name': text('kubernetes', 'what the cluster is called'),
  'terminated-pod-gc-threshold': count('12500', 'ended Pods that may stay; 0 keeps all'),
  'pvclaimbinder-sync-period': duration(
    '15s',
    'how often claims and volumes that wait are seen to',
  ),
  'enable-dynamic-provisioning': bool('true', 'drivers are asked for volumes that are missing'),
  'pv-recycler-minimum-timeout-hostpath': count('60', 'seconds to empty a host path at least'),
  'pv-recycler-timeout-increment-hostpath': count('30', 'seconds more for each Gi of it'),
  'pv-recycler-minimum-timeout-nfs': count('300', 'seconds to empty an NFS volume at least'),
  'pv-recycler-increment-timeout-nfs': count('30', 'seconds more for each Gi of it'),
  'attach-detach-reconcile-sync-period': duration('1m', 'how often attachments are checked'),
  'disable-attach-detach-reconcile-sync': bool('false', 'they are not checked'),
  'disable-force-detach-on-timeout': bool('false', 'nodes that are not ready keep their volumes'),
  'concurrent-deployment-syncs': count('5', 'Deployments at a time'),
  'concurrent-replicaset-syncs': count('5', 'ReplicaSets at a time'),
  'concurrent-rc-syncs': count('5', 'ReplicationControllers at a time'),
  'concurrent-statefulset-syncs': count('5', 'StatefulSets at a time'),
  'concurrent-daemonset-syncs': count('2', 'DaemonSets at a time'),
  'concurrent-job-syncs': count('5', 'Jobs at a time'),
  'concurrent-cron-job-syncs': count('5', 'CronJobs at a time'),
  'concurrent-ttl-after-finished-syncs': count('5', 'Jobs that have ended at a time'),
  'concurrent-serviceaccount-token-syncs': count('5', 'Secrets with tokens at a time'),
  'concurrent-endpoint-syncs': count('5', 'Endpoints at a time'),
  'concurrent-service-endpoint-syncs': count('5', 'Services at a time, of their slices'),
  'mirroring-concurrent-service-endpoint-syncs': count('5', 'Endpoints at a time, mirrored'),
  'concurrent-namespace-syncs': count('10', 'namespaces at a time'),
  'concurrent-gc-syncs': count('20', 'workers of the garbage collector'),
  'concurrent-resource-quota-syncs': count('5', 'quotas at a time'),
  'concurrent-ephemeralvolume-syncs': count('5', 'Pods with ephemeral volumes at a time'),
  'concurrent-resourceclaim-syncs': count('50', 'ResourceClaims at a time'),
  'concurrent-device-taint-eviction-syncs': count('8', 'Pods on tainted devices at a time'),
  'concurrent-validating-admission-policy-status-syncs': count('5', 'policies at a time'),
  'load-balancer-pools': text(
    '',
    'addresses for Services of type LoadBalancer, pools between spaces, as cox up has them; a flag of ours',
  ),
  profiling: bool('false', 'no effect: there is no such page'),
  'feature-gates': text('', 'A=true,B=false'),
  v: count('0', 'how much is logged: 4 and more logs everything'),
};

export type FlagName = keyof typeof FLAGS;
export type Flags = AnyFlags<FlagName>;

export const CONTROLLER_MANAGER: Program<FlagName> = {
  command: 'cox controller-manager',
  upstream: 'kube-controller-manager',
  about: 'Run the controllers alone, against the API server of a kubeconfig.',
  flags: FLAGS,
  missing: MISSING_FLAGS,
};

/** The flag for how much a controller does at a time, by the controller's own name. */
export const CONCURRENCY: readonly (readonly [controller: string, flag: FlagName])[] = [
  ['deployment-controller', 'concurrent-deployment-syncs'],
  ['replicaset-controller', 'concurrent-replicaset-syncs'],
  ['replication-controller', 'concurrent-rc-syncs'],
  ['statefulset-controller', 'concurrent-statefulset-syncs'],
  ['daemonset-controller', 'concurrent-daemonset-syncs'],
  ['job-controller', 'concurrent-job-syncs'],
  ['cronjob-controller', 'concurrent-cron-job-syncs'],
  ['ttl-after-finished-controller', 'concurrent-ttl-after-finished-syncs'],
  ['serviceaccount-token-controller', 'concurrent-serviceaccount-token-syncs'],
  ['endpoint-controller', 'concurrent-endpoint-syncs'],
  ['endpointslice-controller', 'concurrent-service-endpoint-syncs'],
  ['endpointslicemirroring-controller', 'mirroring-concurrent-service-endpoint-syncs'],
  ['namespace-controller', 'concurrent-namespace-syncs'],
  ['generic-garbage-collector', 'concurrent-gc-syncs'],
  ['resourcequota-controller', 'concurrent-resource-quota-syncs'],
  ['ephemeral-volume-controller', 'concurrent-ephemeralvolume-syncs'],
  ['resource-claim-controller', 'concurrent-resourceclaim-syncs'],
  ['device-taint-eviction-controller', 'concurrent-device-taint-eviction-syncs'],
  [
    'validatingadmissionpolicy-status-controller',
    'concurrent-validating-admission-policy-status-syncs',
  ],
];
