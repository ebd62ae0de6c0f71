/** The user namespaces of a node, as its configuration and its users have it. */
import type { Processes } from '#base/doors.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { IDS_PER_POD_DEFAULT, kubeletIdRange } from './id-range.ts';
import { UserNamespaces, type UserNamespacesOptions } from './user-namespaces.ts';

/** Rejects when the ids of the user `kubelet` cannot serve. */
export async function makeUserNamespaces(
  options: Omit<UserNamespacesOptions, 'range' | 'idsPerPod'> & {
    readonly processes: Processes;
    readonly configuration: KubeletConfiguration;
  },
): Promise<UserNamespaces> {
  const { userNamespaces, maxPods } = options.configuration;
  const idsPerPod = userNamespaces?.idsPerPod ?? IDS_PER_POD_DEFAULT;
  const range = await kubeletIdRange({ ...options, idsPerPod, maxPods }).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`create user namespace manager: kubelet mappings: ${text}`, { cause: error });
  });
  return new UserNamespaces({ ...options, range, idsPerPod });
}
