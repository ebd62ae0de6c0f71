/**
 * Values of the enumerations of the container runtime interface that the kubelet uses.
 *
 * Source: k8s.io/cri-api runtime/v1 api.proto, v0.36.
 */
export const NAMESPACE_MODE = { pod: 0, container: 1, node: 2, target: 3 } as const;
export const PROTOCOL = { TCP: 0, UDP: 1, SCTP: 2 } as const;
export const SECURITY_PROFILE = { runtimeDefault: 0, unconfined: 1, localhost: 2 } as const;
export const MOUNT_PROPAGATION = { None: 0, HostToContainer: 1, Bidirectional: 2 } as const;
export const SUPPLEMENTAL_GROUPS_POLICY = { Merge: 0, Strict: 1 } as const;
export const SANDBOX_STATE = { ready: 0, notReady: 1 } as const;
export const CONTAINER_STATE = { created: 0, running: 1, exited: 2, unknown: 3 } as const;
