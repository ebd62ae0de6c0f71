/**
 * `dra_manager_state`: claims that pods of this node use, in upstream's form, so that either kubelet
 * goes on where the other has stopped.
 *
 * Upstream: pkg/kubelet/cm/dra/state/checkpoint.go, v1.36: JSON in JSON, with its CRC-32 (IEEE).
 */
import { crc32 } from 'node:zlib';

export interface ClaimDevice {
  readonly poolName: string;
  readonly deviceName: string;
  readonly shareId?: string;
  /** Empty: of all requests. */
  readonly requestNames: readonly string[];
  readonly cdiDeviceIds: readonly string[];
}

export interface ClaimState {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly podUids: ReadonlySet<string>;
  /** By driver; a driver that gives no devices has an empty list. */
  readonly drivers: ReadonlyMap<string, readonly ClaimDevice[]>;
}

const KIND = 'DRACheckpoint';
const API_VERSION = 'checkpoint.dra.kubelet.k8s.io/v1';

/** As JSON has it. */
interface Entry {
  readonly ClaimUID: string;
  readonly ClaimName: string;
  readonly Namespace: string;
  readonly PodUIDs: Readonly<Record<string, object>> | null;
  readonly DriverState: Readonly<
    Record<string, { readonly Devices: readonly Device[] | null }>
  > | null;
}

interface Device {
  readonly PoolName: string;
  readonly DeviceName: string;
  readonly ShareID: string | null;
  readonly RequestNames: readonly string[] | null;
  readonly CDIDeviceIDs: readonly string[] | null;
}

export function formatClaims(claims: readonly ClaimState[]): string {
  const entries: Entry[] = claims.map(({ uid, name, namespace, podUids, drivers }) => ({
    ClaimUID: uid,
    ClaimName: name,
    Namespace: namespace,
    PodUIDs: Object.fromEntries([...podUids].map((pod) => [pod, {}])),
    DriverState: Object.fromEntries(
      [...drivers].map(([driver, devices]) => [driver, { Devices: devices.map(written) }]),
    ),
  }));
  const data = JSON.stringify({
    kind: KIND,
    apiVersion: API_VERSION,
    ClaimInfoStateList: entries,
  });
  return JSON.stringify({ Data: data, Checksum: crc32(data) });
}

function written(device: ClaimDevice): Device {
  return {
    PoolName: device.poolName,
    DeviceName: device.deviceName,
    ShareID: device.shareId ?? null,
    RequestNames: device.requestNames,
    CDIDeviceIDs: device.cdiDeviceIds,
  };
}

/** Throws an Error when the text is no checkpoint, or another one than was written. */
export function parseClaims(text: string): ClaimState[] {
  const { Data: data, Checksum: checksum } = JSON.parse(text) as {
    readonly Data?: unknown;
    readonly Checksum?: unknown;
  };
  if (typeof data !== 'string' || crc32(data) !== checksum) throw new Error('wrong checksum');
  // The checksum says that a kubelet wrote it.
  const { ClaimInfoStateList: entries } = JSON.parse(data) as {
    readonly ClaimInfoStateList: readonly Entry[] | null;
  };
  return (entries ?? []).map((entry) => ({
    uid: entry.ClaimUID,
    name: entry.ClaimName,
    namespace: entry.Namespace,
    podUids: new Set(Object.keys(entry.PodUIDs ?? {})),
    drivers: new Map(
      Object.entries(entry.DriverState ?? {}).map(([driver, { Devices }]) => [
        driver,
        (Devices ?? []).map(read),
      ]),
    ),
  }));
}

function read(device: Device): ClaimDevice {
  return {
    poolName: device.PoolName,
    deviceName: device.DeviceName,
    ...(device.ShareID === null || device.ShareID === undefined ? {} : { shareId: device.ShareID }),
    requestNames: device.RequestNames ?? [],
    cdiDeviceIds: device.CDIDeviceIDs ?? [],
  };
}
