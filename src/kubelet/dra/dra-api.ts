/**
 * What the kubelet asks of plug-ins of devices that are claimed: dra v1 and v1beta1, which differ in
 * their package alone, and the health of devices, v1alpha1.
 *
 * Source: field numbers of k8s.io/kubelet/pkg/apis/dra/{v1,v1beta1} and dra-health/v1alpha1.
 */
import { type MessageOf, TypedCodec } from '#base/typed-codec.ts';

const MESSAGES = {
  NodePrepareResourcesRequest: [['claims', 1, 'Claim', 1]],
  NodePrepareResourcesResponse: [['claims', 1, 'map:NodePrepareResourceResponse', 0]],
  NodePrepareResourceResponse: [
    ['devices', 1, 'Device', 1],
    ['error', 2, 'string', 0],
  ],
  Device: [
    ['requestNames', 1, 'string', 1],
    ['poolName', 2, 'string', 0],
    ['deviceName', 3, 'string', 0],
    ['cdiDeviceIds', 4, 'string', 1],
    ['shareId', 5, 'string', 0],
  ],
  NodeUnprepareResourcesRequest: [['claims', 1, 'Claim', 1]],
  NodeUnprepareResourcesResponse: [['claims', 1, 'map:NodeUnprepareResourceResponse', 0]],
  NodeUnprepareResourceResponse: [['error', 1, 'string', 0]],
  Claim: [
    ['namespace', 1, 'string', 0],
    ['uid', 2, 'string', 0],
    ['name', 3, 'string', 0],
  ],
  NodeWatchResourcesRequest: [],
  NodeWatchResourcesResponse: [['devices', 1, 'DeviceHealth', 1]],
  DeviceHealth: [
    ['device', 1, 'DeviceIdentifier', 0],
    ['health', 2, 'enum', 0],
    ['lastUpdatedTime', 3, 'int64', 0],
    ['healthCheckTimeoutSeconds', 4, 'int64', 0],
    ['message', 5, 'string', 0],
  ],
  DeviceIdentifier: [
    ['poolName', 1, 'string', 0],
    ['deviceName', 2, 'string', 0],
  ],
} as const;

export const DRA = new TypedCodec(MESSAGES);

export type PreparedDevice = MessageOf<typeof MESSAGES, 'Device'>;
export type ClaimReference = MessageOf<typeof MESSAGES, 'Claim'>;
export type PrepareAnswer = MessageOf<typeof MESSAGES, 'NodePrepareResourcesResponse'>;
export type UnprepareAnswer = MessageOf<typeof MESSAGES, 'NodeUnprepareResourcesResponse'>;
export type ReportedHealth = MessageOf<typeof MESSAGES, 'DeviceHealth'>;

export const HEALTH_VALUE = { unknown: 0, healthy: 1, unhealthy: 2 } as const;

/** The services that plug-ins may have, as they name them when they register. */
export const DRA_SERVICES: readonly string[] = ['v1.DRAPlugin', 'v1beta1.DRAPlugin'];

/** `service`: one of `DRA_SERVICES`. Their packages have longer names. */
export function draPath(service: string, method: string): string {
  return `/k8s.io.kubelet.pkg.apis.dra.${service}/${method}`;
}

export const WATCH_HEALTH_PATH = '/v1alpha1.DRAResourceHealth/NodeWatchResources';
