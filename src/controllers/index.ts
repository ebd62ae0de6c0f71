/**
 * All controllers, in the order in which they are started: the only list.
 */
import type { Controller } from '#reconcile/controller.ts';
import { deploymentController } from './deployment.ts';
import { disruptionController } from './disruption.ts';
import { endpointsController } from './endpoints.ts';
import { endpointSliceController } from './endpointslice.ts';
import { endpointSliceMirroringController } from './endpointslicemirroring.ts';
import { garbageCollector } from './garbage-collector.ts';
import { namespaceController } from './namespace.ts';
import { nodeIpamController, type NodeIpamOptions } from './node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { podGcController } from './pod-gc.ts';
import { pvProtectionController } from './pv-protection.ts';
import { pvcProtectionController } from './pvc-protection.ts';
import { replicaSetController } from './replicaset.ts';
import { replicationControllerController } from './replicationcontroller.ts';
import { rootCaPublisher } from './root-ca-publisher.ts';
import { serviceCidrController } from './service-cidr.ts';
import { serviceAccountController } from './serviceaccount.ts';
import { storageVersionMigrator } from './storage-version-migrator.ts';
import { staleDisruptionController } from './stale-disruption.ts';
import { taintEvictionController } from './taint-eviction.ts';
import { ttlController } from './ttl.ts';
import { vacProtectionController } from './vac-protection.ts';

export interface ControllerOptions {
  /** The cluster's CA in PEM; without it no namespace gets it. */
  readonly rootCa?: string;
  /** Without it nodes get no ranges of Pod addresses. */
  readonly nodeIpam?: NodeIpamOptions;
  /** How long a deleted namespace is left alone; 0 where one API server serves all. */
  readonly namespaceGraceMs?: number;
  readonly terminatedPodsMax?: number;
  /** Whether the server has StorageVersionMigrations to act on; they are behind a gate. */
  readonly servesMigrations?: boolean;
}

export function allControllers(options: ControllerOptions = {}): Controller[] {
  const { rootCa, nodeIpam, namespaceGraceMs, terminatedPodsMax } = options;
  return [
    serviceAccountController,
    ...(rootCa === undefined ? [] : [rootCaPublisher({ ca: rootCa })]),
    ...(nodeIpam === undefined ? [] : [nodeIpamController(nodeIpam)]),
    nodeLifecycleController,
    taintEvictionController,
    ttlController,
    deploymentController,
    replicaSetController,
    replicationControllerController,
    disruptionController,
    staleDisruptionController,
    endpointSliceController,
    endpointsController,
    endpointSliceMirroringController,
    serviceCidrController,
    namespaceController(namespaceGraceMs === undefined ? {} : { graceMs: namespaceGraceMs }),
    podGcController(terminatedPodsMax === undefined ? {} : { terminatedPodsMax }),
    pvcProtectionController,
    pvProtectionController,
    vacProtectionController,
    garbageCollector,
    ...(options.servesMigrations === true ? [storageVersionMigrator] : []),
  ];
}
