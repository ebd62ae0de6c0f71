/**
 * Tells programs of the node which pod has which devices.
 *
 * Processors and memory are not told of: without static managers no container has its own.
 * Upstream: pkg/kubelet/apis/podresources/server_v1.go, pkg/kubelet/apis/grpc/ratelimit.go, v1.36.
 */
import { isSidecar } from '#api/core/pod-helpers.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { Clock } from '#base/env.ts';
import { GRPC_CODE, GrpcError, type GrpcMethods, type GrpcUnaryMethod } from '#base/grpc.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';
import { TokenBucket } from '#base/token-bucket.ts';
import type { DeviceList } from '../devices/device-manager.ts';
import { NO_NUMA_NODE } from '../devices/pod-devices.ts';
import type { ClaimState } from '../dra/claim-state.ts';
import {
  type ContainerDevicesMessage,
  type DynamicResourceMessage,
  POD_RESOURCES,
  type PodResourcesMessage,
  podResourcesPath,
} from './pod-resources-api.ts';

const RATE = { perSecond: 100, burst: 10 };
const PREFIX = 'kubelet_pod_resources_endpoint';
const VERSION = ['v1'];

export interface PodResourcesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly registry: MetricRegistry;
  /** Those that hold something of the node. */
  readonly activePods: () => readonly Pod[];
  readonly findPod: (namespace: string, name: string) => Pod | undefined;
  readonly devicesOf: (podUid: string, container: string) => readonly DeviceList[];
  readonly claimsOf: (pod: Pod, container: Container) => readonly ClaimState[];
  readonly allocatable: () => readonly DeviceList[];
}

/** The methods of the service, of which all together are asked 100 times a second at most. */
export function podResourcesMethods(options: PodResourcesOptions): GrpcMethods {
  const { clock, registry, activePods, findPod, allocatable } = options;
  const bucket = new TokenBucket(RATE, clock);
  const counter = (name: string, help: string) =>
    registry.counter(alpha(`${PREFIX}_${name}`, help, 'server_api_version'));
  const total = counter('requests_total', 'Requests of all methods.');
  const counted = (name: string, help: string, method: GrpcUnaryMethod): GrpcUnaryMethod => {
    const requests = counter(`requests_${name}`, help);
    return async (request, call) => {
      if (!bucket.tryTake())
        throw new GrpcError(GRPC_CODE.resourceExhausted, 'rejected by rate limit');
      total.add(VERSION);
      requests.add(VERSION);
      return method(request, call);
    };
  };
  const notFound = counter('errors_get', 'Requests for pods that are not here.');
  const list = POD_RESOURCES.method(['ListPodResourcesRequest', 'ListPodResourcesResponse'], () =>
    Promise.resolve({ podResources: activePods().map((pod) => resourcesOf(pod, options)) }),
  );
  const get = POD_RESOURCES.method(
    ['GetPodResourcesRequest', 'GetPodResourcesResponse'],
    ({ podName = '', podNamespace = '' }) => {
      const pod = findPod(podNamespace, podName);
      if (pod !== undefined) return Promise.resolve({ podResources: resourcesOf(pod, options) });
      notFound.add(VERSION);
      return Promise.reject(new Error(`pod ${podName} in namespace ${podNamespace} not found`));
    },
  );
  const allocatableOnes = POD_RESOURCES.method(
    ['AllocatableResourcesRequest', 'AllocatableResourcesResponse'],
    () => Promise.resolve({ devices: devicesIn(allocatable()) }),
  );
  return {
    unary: {
      [podResourcesPath('List')]: counted('list', 'Requests for all pods.', list),
      [podResourcesPath('Get')]: counted('get', 'Requests for one pod.', get),
      [podResourcesPath('GetAllocatableResources')]: counted(
        'get_allocatable',
        'Requests for what there is.',
        allocatableOnes,
      ),
    },
  };
}

/** Without init containers that end. */
function resourcesOf(pod: Pod, options: PodResourcesOptions): PodResourcesMessage {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  return {
    name,
    namespace,
    containers: [...initContainers.filter(isSidecar), ...containers].map((container) => ({
      name: container.name,
      devices: devicesIn(options.devicesOf(uid, container.name)),
      dynamicResources: options.claimsOf(pod, container).map(dynamicResource),
    })),
  };
}

/** One for each device and each of its NUMA nodes. */
function devicesIn(lists: readonly DeviceList[]): ContainerDevicesMessage[] {
  return lists.flatMap(({ resource, byNode }) =>
    Object.entries(byNode).flatMap(([node, ids]) =>
      ids.map((id) => ({
        resourceName: resource,
        deviceIds: [id],
        ...(node === NO_NUMA_NODE ? {} : { topology: { nodes: [{ ID: Number(node) }] } }),
      })),
    ),
  );
}

function dynamicResource({ name, namespace, drivers }: ClaimState): DynamicResourceMessage {
  return {
    claimName: name,
    claimNamespace: namespace,
    claimResources: [...drivers].flatMap(([driverName, devices]) =>
      devices.map(({ poolName, deviceName, shareId, cdiDeviceIds }) => ({
        cdiDevices: cdiDeviceIds.map((cdi) => ({ name: cdi })),
        driverName,
        poolName,
        deviceName,
        ...(shareId === undefined ? {} : { shareId }),
      })),
    ),
  };
}
