/**
 * What a container is given with its devices: of several that say the same name, the first counts.
 *
 * Upstream: pkg/kubelet/cm/devicemanager/pod_devices.go (deviceRunContainerOptions), v1.36.
 */
import type { CDIDevice, Device, Mount } from '#api/gen/cri-v1.ts';
import type { DeviceGrant } from './device-plugin-api.ts';

export interface ContainerDevices {
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly cdiDevices: readonly CDIDevice[];
}

/** Together with what claims bring: names of CDI devices. */
export function containerDevices(
  grants: readonly DeviceGrant[],
  claimed: readonly string[],
): ContainerDevices {
  const environment = new Map<string, string>();
  const annotations: Record<string, string> = {};
  const mounts = new Map<string, Mount>();
  const devices = new Map<string, Device>();
  const names = new Set(claimed);
  for (const grant of grants) {
    for (const [name, value] of Object.entries(grant.envs ?? {}))
      if (!environment.has(name)) environment.set(name, value);
    for (const [name, value] of Object.entries(grant.annotations ?? {}))
      annotations[name] ??= value;
    for (const { containerPath = '', hostPath = '', readOnly = false } of grant.mounts ?? [])
      if (!mounts.has(containerPath))
        mounts.set(containerPath, { containerPath, hostPath, readonly: readOnly });
    for (const { containerPath = '', hostPath = '', permissions = '' } of grant.devices ?? [])
      if (!devices.has(containerPath))
        devices.set(containerPath, { containerPath, hostPath, permissions });
    for (const { name = '' } of grant.cdiDevices ?? []) names.add(name);
  }
  return {
    environment,
    mounts: [...mounts.values()],
    devices: [...devices.values()],
    annotations,
    cdiDevices: [...names].map((name) => ({ name })),
  };
}
