/**
 * Flags of upstream's kube-controller-manager that `cox controller-manager` does not have: they are
 * refused by name.
 *
 * Source: the kube-controller-manager reference for v1.36.
 */
export const MISSING_FLAGS: ReadonlySet<string> = new Set(
  `
allow-metric-labels allow-metric-labels-manifest authentication-token-webhook-cache-ttl
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl cert-dir
cidr-allocator-type cloud-config cloud-provider cluster-signing-kube-apiserver-client-cert-file
cluster-signing-kube-apiserver-client-key-file cluster-signing-kubelet-client-cert-file
cluster-signing-kubelet-client-key-file cluster-signing-kubelet-serving-cert-file
cluster-signing-kubelet-serving-key-file cluster-signing-legacy-unknown-cert-file
cluster-signing-legacy-unknown-key-file concurrent-horizontal-pod-autoscaler-syncs
concurrent-service-syncs configure-cloud-routes contention-profiling controller-shutdown-timeout
controller-start-interval disable-http2-serving disabled-metrics emulated-version
enable-garbage-collector enable-hostpath-provisioner enable-leader-migration
endpoint-updates-batch-period endpointslice-updates-batch-period external-cloud-volume-plugin
flex-volume-plugin-dir horizontal-pod-autoscaler-cpu-initialization-period
horizontal-pod-autoscaler-downscale-stabilization horizontal-pod-autoscaler-initial-readiness-delay
horizontal-pod-autoscaler-sync-period horizontal-pod-autoscaler-tolerance
http2-max-streams-per-connection kube-api-burst kube-api-content-type kube-api-qps
large-cluster-size-threshold leader-migration-config log-flush-frequency log-json-info-buffer-size
log-json-split-stream log-text-info-buffer-size log-text-split-stream logging-format master
max-endpoints-per-slice min-compatibility-version min-resync-period
mirroring-endpointslice-updates-batch-period mirroring-max-endpoints-per-subset
namespace-sync-period node-eviction-rate node-monitor-grace-period node-monitor-period
node-startup-grace-period permit-address-sharing permit-port-sharing
pv-recycler-pod-template-filepath-hostpath pv-recycler-pod-template-filepath-nfs
route-reconciliation-period secondary-node-eviction-rate show-hidden-metrics-for-version
tls-cipher-suites tls-curve-preferences tls-min-version tls-sni-cert-key unhealthy-zone-threshold
unsupported-kube-api-over-localhost version vmodule
`
    .trim()
    .split(/\s+/),
);
