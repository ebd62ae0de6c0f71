/**
 * Pods that are to be confined by AppArmor, on a node that may not have it.
 *
 * Whether a profile is loaded the runtime looks at. Upstream: pkg/security/apparmor/validate.go,
 * pkg/kubelet/lifecycle/handlers.go (appArmorAdmitHandler), v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { asksForAppArmor } from '../container/apparmor.ts';
import type { Rejection } from './rejection.ts';

/** Whether the kernel has AppArmor, and it is on. */
export async function isAppArmorEnabled(fileSystem: FileSystem): Promise<boolean> {
  if ((await fileSystem.stat('/sys/kernel/security/apparmor')) === undefined) return false;
  const enabled = '/sys/module/apparmor/parameters/enabled';
  return (await fileSystem.readText(enabled).catch(() => '')).startsWith('Y');
}

/** Undefined: the node takes the pod. */
export function appArmorRejection(pod: Pod, isEnabled: boolean): Rejection | undefined {
  if (isEnabled || !asksForAppArmor(pod)) return undefined;
  return {
    reason: 'AppArmor',
    message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host',
  };
}
