/**
 * Which devices of a resource a container gets.
 *
 * Those that an init container of its pod is done with come first, then those that the plug-in would
 * take, then any that are free, by name. Upstream: pkg/kubelet/cm/devicemanager/manager.go
 * (devicesToAllocate), v1.36, without a topology manager: messages are its.
 */
import type { PreferredDevices } from './device-plugin.ts';

export interface DeviceChoice {
  readonly podUid: string;
  readonly container: string;
  readonly resource: string;
  /** How many the container asks for. */
  readonly required: number;
  /** What it was given before; undefined: nothing. */
  readonly held: ReadonlySet<string> | undefined;
  /** Undefined: no plug-in has ever offered the resource. */
  readonly healthy: ReadonlySet<string> | undefined;
  readonly inUse: ReadonlySet<string>;
  /** Of init containers that have ended by the time this one runs. */
  readonly reusable: ReadonlySet<string>;
  /** What the plug-in would take. */
  readonly preferred: (devices: PreferredDevices) => Promise<readonly string[]>;
}

/** Empty when nothing is to be allocated. Rejects with an Error that says why it cannot be. */
export async function chooseDevices(choice: DeviceChoice): Promise<string[]> {
  const { resource, required, reusable, inUse, preferred } = choice;
  const healthy = checked(choice);
  if (choice.held !== undefined || required === 0) return [];
  const chosen = sorted(reusable).slice(0, required);
  if (chosen.length === required) return chosen;
  const available = sorted(healthy.difference(inUse));
  const missing = required - chosen.length;
  if (available.length < missing)
    throw new Error(
      `requested number of devices unavailable for ${resource}. Requested: ${missing}, Available: ${available.length}`,
    );
  const liked = new Set(
    await preferred({
      available: sorted(new Set([...available, ...chosen])),
      mustInclude: chosen,
      size: required,
    }),
  );
  const order = [
    ...available.filter((id) => liked.has(id)),
    ...available.filter((id) => !liked.has(id)),
  ];
  return [...chosen, ...order.slice(0, missing)];
}

/** The healthy devices, when a container may be given any. */
function checked(choice: DeviceChoice): ReadonlySet<string> {
  const { podUid, container, resource, required, held, healthy } = choice;
  if (held !== undefined && held.size !== required)
    throw new Error(
      `pod "${podUid}" container "${container}" changed request for resource "${resource}" from ${held.size} to ${required}`,
    );
  if (healthy === undefined) throw new Error(`cannot allocate unregistered device ${resource}`);
  if (healthy.size === 0)
    throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
  if (held !== undefined && !held.isSubsetOf(healthy))
    throw new Error(
      `previously allocated devices are no longer healthy; cannot allocate unhealthy devices ${resource}`,
    );
  return healthy;
}

function sorted(ids: ReadonlySet<string>): string[] {
  return [...ids].toSorted();
}
