/**
 * The API of device plug-ins, v1beta1: its messages and the paths of its calls.
 *
 * Source: Kubernetes documentation "Device Plugins" v1.36; field numbers of
 * k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1.
 */
import { type MessageOf, TypedCodec } from '#base/typed-codec.ts';

export const DEVICE_PLUGIN_VERSION = 'v1beta1';
export const HEALTHY = 'Healthy';

const MESSAGES = {
  Empty: [],
  DevicePluginOptions: [
    ['preStartRequired', 1, 'bool', 0],
    ['getPreferredAllocationAvailable', 2, 'bool', 0],
  ],
  RegisterRequest: [
    ['version', 1, 'string', 0],
    ['endpoint', 2, 'string', 0],
    ['resourceName', 3, 'string', 0],
    ['options', 4, 'DevicePluginOptions', 0],
  ],
  ListAndWatchResponse: [['devices', 1, 'Device', 1]],
  Device: [
    ['ID', 1, 'string', 0],
    ['health', 2, 'string', 0],
    ['topology', 3, 'TopologyInfo', 0],
  ],
  TopologyInfo: [['nodes', 1, 'NUMANode', 1]],
  NUMANode: [['ID', 1, 'int64', 0]],
  PreStartContainerRequest: [['devicesIds', 1, 'string', 1]],
  PreStartContainerResponse: [],
  PreferredAllocationRequest: [['containerRequests', 1, 'ContainerPreferredAllocationRequest', 1]],
  ContainerPreferredAllocationRequest: [
    ['availableDeviceIDs', 1, 'string', 1],
    ['mustIncludeDeviceIDs', 2, 'string', 1],
    ['allocationSize', 3, 'int32', 0],
  ],
  PreferredAllocationResponse: [
    ['containerResponses', 1, 'ContainerPreferredAllocationResponse', 1],
  ],
  ContainerPreferredAllocationResponse: [['deviceIDs', 1, 'string', 1]],
  AllocateRequest: [['containerRequests', 1, 'ContainerAllocateRequest', 1]],
  ContainerAllocateRequest: [['devicesIds', 1, 'string', 1]],
  AllocateResponse: [['containerResponses', 1, 'ContainerAllocateResponse', 1]],
  ContainerAllocateResponse: [
    ['envs', 1, 'map:string', 0],
    ['mounts', 2, 'Mount', 1],
    ['devices', 3, 'DeviceSpec', 1],
    ['annotations', 4, 'map:string', 0],
    ['cdiDevices', 5, 'CDIDevice', 1],
  ],
  Mount: [
    ['containerPath', 1, 'string', 0],
    ['hostPath', 2, 'string', 0],
    ['readOnly', 3, 'bool', 0],
  ],
  DeviceSpec: [
    ['containerPath', 1, 'string', 0],
    ['hostPath', 2, 'string', 0],
    ['permissions', 3, 'string', 0],
  ],
  CDIDevice: [['name', 1, 'string', 0]],
} as const;

export const DEVICE_PLUGIN = new TypedCodec(MESSAGES);

export type Device = MessageOf<typeof MESSAGES, 'Device'>;
export type DevicePluginOptions = MessageOf<typeof MESSAGES, 'DevicePluginOptions'>;
export type RegisterRequest = MessageOf<typeof MESSAGES, 'RegisterRequest'>;
/** What a plug-in wants a container to be given with its devices. */
export type DeviceGrant = MessageOf<typeof MESSAGES, 'ContainerAllocateResponse'>;

/** What plug-ins call at the kubelet. */
export const REGISTER_PATH = '/v1beta1.Registration/Register';

/** A call of the kubelet to a plug-in. */
export function devicePluginPath(method: string): string {
  return `/v1beta1.DevicePlugin/${method}`;
}
