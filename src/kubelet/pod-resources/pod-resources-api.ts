/** The PodResources API, v1. Source: field numbers of k8s.io/kubelet/pkg/apis/podresources/v1. */
import { type MessageOf, TypedCodec } from '#base/typed-codec.ts';

const MESSAGES = {
  AllocatableResourcesRequest: [],
  AllocatableResourcesResponse: [
    ['devices', 1, 'ContainerDevices', 1],
    ['cpuIds', 2, 'int64', 1],
    ['memory', 3, 'ContainerMemory', 1],
  ],
  ListPodResourcesRequest: [],
  ListPodResourcesResponse: [['podResources', 1, 'PodResources', 1]],
  PodResources: [
    ['name', 1, 'string', 0],
    ['namespace', 2, 'string', 0],
    ['containers', 3, 'ContainerResources', 1],
  ],
  ContainerResources: [
    ['name', 1, 'string', 0],
    ['devices', 2, 'ContainerDevices', 1],
    ['cpuIds', 3, 'int64', 1],
    ['memory', 4, 'ContainerMemory', 1],
    ['dynamicResources', 5, 'DynamicResource', 1],
  ],
  ContainerMemory: [
    ['memoryType', 1, 'string', 0],
    ['size', 2, 'uint64', 0],
    ['topology', 3, 'TopologyInfo', 0],
  ],
  ContainerDevices: [
    ['resourceName', 1, 'string', 0],
    ['deviceIds', 2, 'string', 1],
    ['topology', 3, 'TopologyInfo', 0],
  ],
  TopologyInfo: [['nodes', 1, 'NUMANode', 1]],
  NUMANode: [['ID', 1, 'int64', 0]],
  DynamicResource: [
    ['claimName', 2, 'string', 0],
    ['claimNamespace', 3, 'string', 0],
    ['claimResources', 4, 'ClaimResource', 1],
  ],
  ClaimResource: [
    ['cdiDevices', 1, 'CDIDevice', 1],
    ['driverName', 2, 'string', 0],
    ['poolName', 3, 'string', 0],
    ['deviceName', 4, 'string', 0],
    ['shareId', 5, 'string', 0],
  ],
  CDIDevice: [['name', 1, 'string', 0]],
  GetPodResourcesRequest: [
    ['podName', 1, 'string', 0],
    ['podNamespace', 2, 'string', 0],
  ],
  GetPodResourcesResponse: [['podResources', 1, 'PodResources', 0]],
} as const;

export const POD_RESOURCES = new TypedCodec(MESSAGES);

export type PodResourcesMessage = MessageOf<typeof MESSAGES, 'PodResources'>;
export type ContainerDevicesMessage = MessageOf<typeof MESSAGES, 'ContainerDevices'>;
export type DynamicResourceMessage = MessageOf<typeof MESSAGES, 'DynamicResource'>;

export function podResourcesPath(method: string): string {
  return `/v1.PodResourcesLister/${method}`;
}
