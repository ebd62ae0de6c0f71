/** The names, types, stabilities, labels and buckets of all that the controller manager counts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { type MetricHead, MetricRegistry } from '#base/metrics.ts';
import { allControllers } from '#controllers/index.ts';
import { SIGNING_KEY, TestCluster } from '#kit/cluster.ts';
import { ClientMetrics } from '../component/client-metrics.ts';
import { leaderStatus } from '../component/leader.ts';
import { observeProcess } from '../component/process-metrics.ts';

/** Notes what is made. */
class NotingRegistry extends MetricRegistry {
  readonly heads = new Set<string>();

  override counter(head: MetricHead) {
    this.#note('counter', head);
    return super.counter(head);
  }

  override gauge(head: MetricHead) {
    this.#note('gauge', head);
    return super.gauge(head);
  }

  override histogram(head: MetricHead, buckets: readonly number[]) {
    this.#note(`histogram ${buckets[0]}…${buckets.at(-1)}/${buckets.length}`, head);
    return super.histogram(head, buckets);
  }

  override observed(...[head, values, type = 'gauge']: Parameters<MetricRegistry['observed']>) {
    this.#note(type, head);
    super.observed(head, values, type);
  }

  #note(type: string, { name, stability, labels }: MetricHead): void {
    this.heads.add([name, stability ?? '-', type, ...labels].join(' '));
  }
}

/** Name, stability, type, (of a histogram) first and last bucket and their count, labels. */
const NAMES = `
attach_detach_controller_attachdetach_controller_forced_detaches ALPHA counter reason
attachdetach_controller_total_volumes ALPHA gauge plugin_name state
cronjob_controller_job_creation_skew_duration_seconds STABLE histogram 1…512/10
daemonset_controller_stale_sync_skips_total ALPHA counter group resource
device_taint_eviction_controller_pod_deletion_duration_seconds ALPHA histogram 0.005…240/12
device_taint_eviction_controller_pod_deletions_total ALPHA counter
endpoint_slice_controller_changes ALPHA counter operation
endpoint_slice_controller_desired_endpoint_slices BETA gauge
endpoint_slice_controller_endpoints_added_per_sync BETA histogram 2…32768/15
endpoint_slice_controller_endpoints_desired BETA gauge
endpoint_slice_controller_endpoints_removed_per_sync BETA histogram 2…32768/15
endpoint_slice_controller_endpointslices_changed_per_sync ALPHA histogram 0.005…10/11 topology traffic_distribution
endpoint_slice_controller_num_endpoint_slices BETA gauge
endpoint_slice_controller_services_count_by_traffic_distribution BETA gauge traffic_distribution
endpoint_slice_controller_syncs ALPHA counter result
endpoint_slice_mirroring_controller_addresses_skipped_per_sync ALPHA histogram 2…32768/15
endpoint_slice_mirroring_controller_changes ALPHA counter operation
endpoint_slice_mirroring_controller_desired_endpoint_slices ALPHA gauge
endpoint_slice_mirroring_controller_endpoints_added_per_sync ALPHA histogram 2…32768/15
endpoint_slice_mirroring_controller_endpoints_desired ALPHA gauge
endpoint_slice_mirroring_controller_endpoints_removed_per_sync ALPHA histogram 2…32768/15
endpoint_slice_mirroring_controller_endpoints_sync_duration ALPHA histogram 0.001…16.384/15
endpoint_slice_mirroring_controller_endpoints_updated_per_sync ALPHA histogram 2…32768/15
endpoint_slice_mirroring_controller_num_endpoint_slices ALPHA gauge
ephemeral_volume_controller_create_failures_total ALPHA counter
ephemeral_volume_controller_create_total ALPHA counter
garbagecollector_controller_resources_sync_error_total ALPHA counter
job_controller_job_finished_indexes_total ALPHA counter status backoffLimit
job_controller_job_pods_creation_total ALPHA counter reason status
job_controller_job_pods_finished_total STABLE counter completion_mode result
job_controller_job_sync_duration_seconds STABLE histogram 0.004…65.536/15 completion_mode result action
job_controller_job_syncs_total STABLE counter completion_mode result action
job_controller_jobs_by_external_controller_total ALPHA counter controller_name
job_controller_jobs_finished_total STABLE counter completion_mode result reason
job_controller_pod_failures_handled_by_failure_policy_total BETA counter action
job_controller_stale_sync_skips_total ALPHA counter group resource
job_controller_terminated_pods_tracking_finalizer_total BETA counter event
kubernetes_build_info BETA gauge build_date compiler git_commit git_tree_state git_version go_version major minor platform
kubernetes_feature_enabled BETA gauge name stage
leader_election_master_status ALPHA gauge name
node_collector_evictions_total STABLE counter zone
node_collector_unhealthy_nodes_in_zone ALPHA gauge zone
node_collector_update_all_nodes_health_duration_seconds ALPHA histogram 0.01…163.84/8
node_collector_update_node_health_duration_seconds ALPHA histogram 0.001…16.384/8
node_collector_zone_health ALPHA gauge zone
node_collector_zone_size ALPHA gauge zone
node_ipam_controller_cidrset_allocation_tries_per_request ALPHA histogram 1…625/5 clusterCIDR
node_ipam_controller_cidrset_cidrs_allocations_total ALPHA counter clusterCIDR
node_ipam_controller_cidrset_cidrs_releases_total ALPHA counter clusterCIDR
node_ipam_controller_cidrset_usage_cidrs ALPHA gauge clusterCIDR
node_ipam_controller_cirdset_max_cidrs ALPHA gauge clusterCIDR
pod_gc_collector_force_delete_pod_errors_total ALPHA counter namespace reason
pod_gc_collector_force_delete_pods_total ALPHA counter namespace reason
process_cpu_seconds_total - counter
process_resident_memory_bytes - gauge
process_start_time_seconds - gauge
pv_collector_bound_pv_count ALPHA gauge storage_class
pv_collector_bound_pvc_count ALPHA gauge namespace storage_class volume_attributes_class
pv_collector_total_pv_count ALPHA gauge plugin_name volume_mode
pv_collector_unbound_pv_count ALPHA gauge storage_class
pv_collector_unbound_pvc_count ALPHA gauge namespace storage_class volume_attributes_class
replicaset_controller_sorting_deletion_age_ratio ALPHA histogram 0.25…8/6
replicaset_controller_stale_sync_skips_total ALPHA counter group resource
resourceclaim_controller_creates_total ALPHA counter status admin_access
resourceclaim_controller_resource_claims ALPHA gauge allocated admin_access source
rest_client_request_duration_seconds ALPHA histogram 0.005…60/12 verb host
rest_client_request_size_bytes ALPHA histogram 64…16777216/11 verb host
rest_client_requests_total ALPHA counter code method host
rest_client_response_size_bytes ALPHA histogram 64…16777216/11 verb host
retroactive_storageclass_errors_total ALPHA counter
retroactive_storageclass_total ALPHA counter
root_ca_cert_publisher_sync_duration_seconds ALPHA histogram 0.001…16.384/15 code
root_ca_cert_publisher_sync_total ALPHA counter code
running_managed_controllers BETA gauge name manager
statefulset_controller_statefulset_max_unavailable ALPHA gauge statefulset_namespace statefulset_name pod_management_policy
statefulset_controller_statefulset_unavailable_replicas ALPHA gauge statefulset_namespace statefulset_name pod_management_policy
storage_count_attachable_volumes_in_use ALPHA gauge node volume_plugin
storage_operation_duration_seconds ALPHA histogram 0.1…600/13 volume_plugin operation_name status migrated
taint_eviction_controller_pod_deletion_duration_seconds ALPHA histogram 0.005…240/12
taint_eviction_controller_pod_deletions_total ALPHA counter
ttl_after_finished_controller_job_deletion_duration_seconds ALPHA histogram 0.1…819.2/14
version_info ALPHA gauge component binary emulation min_compat
volume_operation_errors_total ALPHA counter plugin_name operation_name
volume_operation_total_errors ALPHA counter plugin_name operation_name
volume_operation_total_seconds ALPHA histogram 0.1…600/13 plugin_name operation_name
workqueue_adds_total BETA counter name
workqueue_depth BETA gauge name
workqueue_longest_running_processor_seconds BETA gauge name
workqueue_queue_duration_seconds BETA histogram 1e-8…1000/12 name
workqueue_retries_total BETA counter name
workqueue_unfinished_work_seconds BETA gauge name
workqueue_work_duration_seconds BETA histogram 1e-8…1000/12 name
`;

const QUEUES = `
ClusterRoleAggregator bootstrap_signer_queue certificate certificatesigningrequest-cleaner
cidrallocator_node claims cronjob daemonset deployment device-taint-eviction-controller
disruption endpoint endpoint_slice endpoint_slice_mirroring ephemeral_volume
garbage_collector_attempt_to_delete ipaddresses job legacy-service-account-token-cleaner
namespace node_lifecycle_controller noexec_taint_pod orphaned_pods_nodes pvcprotection pvcs
pvprotection replicaset replicationmanager resource_claim resourcequota_primary
root_ca_cert_publisher serviceaccount serviceaccount_tokens_service stale_pod_disruption
statefulset token_cleaner ttl_jobs_to_delete ttlcontroller vacprotection validatingadmissionpolicy-status volume_expand
`;

it('the controller manager has these metrics, and queues', async () => {
  const registry = new NotingRegistry();
  const controllers = allControllers({
    rootCa: 'ca',
    serviceAccountKey: SIGNING_KEY,
    nodeIpam: { clusterCidrs: ['10.244.0.0/16'] },
  });
  const cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers,
    metrics: registry,
  });
  observeProcess(registry, { gates: new FeatureGates(), startMs: 0 });
  assert.ok(new ClientMetrics(registry, cluster.environment.clock));
  assert.ok(leaderStatus(registry));
  await cluster.stop();
  const queues = [...registry.text().matchAll(/^workqueue_adds_total\{name="(.*)"\}/gm)];
  assert.deepEqual(queues.map(([, queue = '']) => queue).sort(), QUEUES.trim().split(/\s+/));
  assert.deepEqual([...registry.heads].sort(), NAMES.trim().split('\n'));
});
