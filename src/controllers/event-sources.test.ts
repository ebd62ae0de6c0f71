/** Under which names controllers report events: who looks for them knows upstream's. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allControllers } from './index.ts';

/** Of those that report events. */
const SOURCES = {
  cidrAllocator: 'cidrAllocator',
  'node-controller': 'node-controller',
  'taint-eviction-controller': 'taint-eviction-controller',
  'device-taint-eviction-controller': 'device-taint-eviction-controller',
  'daemonset-controller': 'daemonset-controller',
  'deployment-controller': 'deployment-controller',
  'replicaset-controller': 'replicaset-controller',
  'replication-controller': 'replication-controller',
  'statefulset-controller': 'statefulset-controller',
  'job-controller': 'job-controller',
  'cronjob-controller': 'cronjob-controller',
  'disruption-controller': 'controllermanager',
  'endpointslice-controller': 'endpoint-slice-controller',
  'endpoint-controller': 'endpoint-controller',
  'endpointslicemirroring-controller': 'endpoint-slice-mirroring-controller',
  'service-cidr-controller': 'service-cidr-controller',
  'persistentvolume-controller': 'persistentvolume-controller',
  'attachdetach-controller': 'attachdetach-controller',
  'expand-controller': 'volume_expand',
  'ephemeral-volume-controller': 'ephemeral_volume',
  'resource-claim-controller': 'resource_claim',
  'generic-garbage-collector': 'garbage-collector-controller',
};

it('controllers report events under the names that they have in upstream', () => {
  const controllers = allControllers({ nodeIpam: { clusterCidrs: ['10.244.0.0/16'] } });
  const sources = controllers.map(({ name, component = name }) => [name, component] as const);
  const reporting = sources.filter(([name]) => name in SOURCES);
  assert.deepEqual(Object.fromEntries(reporting), SOURCES);
});
