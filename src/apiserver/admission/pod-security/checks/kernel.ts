/**
 * What a pod sees and sets of the kernel: the masks of `/proc`, and sysctls.
 *
 * Source: Kubernetes documentation, "Pod Security Standards": /proc Mount Type, Sysctls; KEP-127 for
 * pods with `hostUsers: false` from v1.35 on.
 */
import {
  type AnyContainer,
  type Check,
  type CheckedPod,
  containersOf,
  containersText,
  type Finding,
  hasOwnUsers,
  namesWhere,
  quoted,
  sortedSet,
  unless,
} from '../check.ts';

function unmasked(pod: CheckedPod): Finding | undefined {
  const badOf = ({ securityContext }: AnyContainer): string[] => {
    const type = securityContext?.procMount;
    return type === undefined || type === 'Default' ? [] : [type];
  };
  const names = namesWhere(pod, (container) => badOf(container).length > 0);
  if (names.length === 0) return undefined;
  const types = sortedSet(containersOf(pod).flatMap(badOf));
  return {
    reason: 'procMount',
    detail: `${containersText(names)} must not set securityContext.procMount to ${quoted(types)}`,
  };
}

export const PROC_MOUNT_BASELINE: Check = {
  id: 'procMount',
  level: 'baseline',
  versions: [
    { from: 0, look: unmasked },
    { from: 35, look: unless(hasOwnUsers, unmasked) },
  ],
};

/** Before v1.35 that of `baseline` excuses nobody. */
export const PROC_MOUNT_RESTRICTED: Check = {
  id: 'procMount_restricted',
  level: 'restricted',
  versions: [{ from: 35, look: unmasked, overrides: [PROC_MOUNT_BASELINE.id] }],
};

/** Sysctls of the pod's own, by the version from which on they may be set. */
const SAFE_SYSCTLS: readonly (readonly [from: number, names: readonly string[]])[] = [
  [
    0,
    [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
      'net.ipv4.ip_unprivileged_port_start',
    ],
  ],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [
    29,
    [
      'net.ipv4.tcp_keepalive_time',
      'net.ipv4.tcp_fin_timeout',
      'net.ipv4.tcp_keepalive_intvl',
      'net.ipv4.tcp_keepalive_probes',
    ],
  ],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
];

const unsafe =
  (safe: ReadonlySet<string>) =>
  ({ spec }: CheckedPod): Finding | undefined => {
    const names = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !safe.has(name));
    return names.length === 0
      ? undefined
      : { reason: 'forbidden sysctls', detail: names.join(', ') };
  };

export const SYSCTLS: Check = {
  id: 'sysctls',
  level: 'baseline',
  versions: SAFE_SYSCTLS.map(([from], i) => ({
    from,
    look: unsafe(new Set(SAFE_SYSCTLS.slice(0, i + 1).flatMap(([, names]) => names))),
  })),
};
