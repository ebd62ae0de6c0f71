/**
 * `kubelet_internal_checkpoint`: which devices are whose, in upstream's form, so that either kubelet
 * goes on where the other has stopped.
 *
 * Upstream: pkg/kubelet/cm/devicemanager/checkpoint/checkpoint.go, v1.36. The checksum is FNV-1a of
 * the data as Go's spew prints them with types and sorted keys (k8s.io/utils/dump, ForHash).
 */
import { fnv1a } from '../fnv.ts';
import { DEVICE_PLUGIN } from './device-plugin-api.ts';
import type { AllocatedDevices, DevicesByNode } from './pod-devices.ts';

export interface DeviceState {
  readonly allocated: readonly AllocatedDevices[];
  /** Ids of healthy devices by resource. */
  readonly registered: Readonly<Record<string, readonly string[]>>;
}

/** As JSON has it. */
interface Entry {
  readonly PodUID: string;
  readonly ContainerName: string;
  readonly ResourceName: string;
  readonly DeviceIDs: DevicesByNode;
  /** Base64. */
  readonly AllocResp: string;
}

interface Data {
  readonly PodDeviceEntries: readonly Entry[] | null;
  readonly RegisteredDevices: Readonly<Record<string, readonly string[]>>;
}

export function formatDeviceState({ allocated, registered }: DeviceState): string {
  const entries = allocated.map(({ podUid, container, resource, byNode, grant }) => ({
    PodUID: podUid,
    ContainerName: container,
    ResourceName: resource,
    DeviceIDs: byNode,
    AllocResp: Buffer.from(DEVICE_PLUGIN.encode('ContainerAllocateResponse', grant)).toString(
      'base64',
    ),
  }));
  const data: Data = {
    PodDeviceEntries: entries.length === 0 ? null : entries,
    RegisteredDevices: registered,
  };
  return JSON.stringify({ Data: data, Checksum: checksumOf(data) });
}

/** Throws an Error when the text is no checkpoint, or another one than was written. */
export function parseDeviceState(text: string): DeviceState {
  const { Data: data, Checksum: checksum } = JSON.parse(text) as {
    readonly Data?: Data;
    readonly Checksum?: unknown;
  };
  if (data === undefined || checksum !== checksumOf(data)) throw new Error('wrong checksum');
  return {
    allocated: (data.PodDeviceEntries ?? []).map((entry) => ({
      podUid: entry.PodUID,
      container: entry.ContainerName,
      resource: entry.ResourceName,
      byNode: entry.DeviceIDs,
      grant: DEVICE_PLUGIN.decode(
        'ContainerAllocateResponse',
        Buffer.from(entry.AllocResp, 'base64'),
      ),
    })),
    registered: data.RegisteredDevices,
  };
}

function checksumOf({ PodDeviceEntries, RegisteredDevices }: Data): number {
  const entries = PodDeviceEntries?.map(dumpOfEntry).join(' ');
  const registered = dumpOfMap(RegisteredDevices, compareText);
  return fnv1a(
    `(checkpoint.checkpointData){PodDeviceEntries:([]checkpoint.PodDevicesEntry)${
      entries === undefined ? '<nil>' : `[${entries}]`
    } RegisteredDevices:(map[string][]string)${registered}}`,
  );
}

function dumpOfEntry(entry: Entry): string {
  const bytes = [...Buffer.from(entry.AllocResp, 'base64')].join(' ');
  return [
    `{PodUID:(string)${entry.PodUID}`,
    `ContainerName:(string)${entry.ContainerName}`,
    `ResourceName:(string)${entry.ResourceName}`,
    `DeviceIDs:(checkpoint.DevicesPerNUMA)${dumpOfMap(entry.DeviceIDs, (a, b) => Number(a) - Number(b))}`,
    `AllocResp:([]uint8)[${bytes}]}`,
  ].join(' ');
}

function dumpOfMap(
  map: Readonly<Record<string, readonly string[]>>,
  compare: (a: string, b: string) => number,
): string {
  // Not through an object, which has its own order of numbers.
  const entries = Object.entries(map).toSorted(([a], [b]) => compare(a, b));
  return `map[${entries.map(([key, values]) => `${key}:[${values.join(' ')}]`).join(' ')}]`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
