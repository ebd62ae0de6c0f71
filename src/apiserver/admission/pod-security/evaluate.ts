/**
 * What a level of the Pod Security Standards, as it was at a version, finds against a pod. Pure.
 *
 * Source: upstream staging/src/k8s.io/pod-security-admission/policy/registry.go, v1.36.
 */
import type { Check, CheckedPod, CheckVersion, Finding } from './check.ts';
import { HOST_NAMESPACES, HOST_PATH_VOLUMES, HOST_PORTS, HOST_PROBES } from './checks/host.ts';
import { PROC_MOUNT_BASELINE, PROC_MOUNT_RESTRICTED, SYSCTLS } from './checks/kernel.ts';
import {
  ALLOW_PRIVILEGE_ESCALATION,
  CAPABILITIES_BASELINE,
  CAPABILITIES_RESTRICTED,
  PRIVILEGED,
  WINDOWS_HOST_PROCESS,
} from './checks/privilege.ts';
import { APPARMOR_PROFILE, SELINUX_OPTIONS } from './checks/profiles.ts';
import { SECCOMP_BASELINE, SECCOMP_RESTRICTED } from './checks/seccomp.ts';
import { RUN_AS_NON_ROOT, RUN_AS_USER } from './checks/users.ts';
import { RESTRICTED_VOLUMES } from './checks/volumes.ts';
import type { LevelVersion } from './version.ts';

/** In the order in which messages name what they find: by level, then by id. */
export const CHECKS: readonly Check[] = [
  APPARMOR_PROFILE,
  CAPABILITIES_BASELINE,
  HOST_NAMESPACES,
  HOST_PATH_VOLUMES,
  HOST_PORTS,
  HOST_PROBES,
  PRIVILEGED,
  PROC_MOUNT_BASELINE,
  SELINUX_OPTIONS,
  SECCOMP_BASELINE,
  SYSCTLS,
  WINDOWS_HOST_PROCESS,
  ALLOW_PRIVILEGE_ESCALATION,
  CAPABILITIES_RESTRICTED,
  PROC_MOUNT_RESTRICTED,
  RESTRICTED_VOLUMES,
  RUN_AS_NON_ROOT,
  RUN_AS_USER,
  SECCOMP_RESTRICTED,
];

/** Everything that is against the pod; nothing: it is allowed. */
export function findingsOf({ level, version }: LevelVersion, pod: CheckedPod): Finding[] {
  if (level === 'privileged') return [];
  const minor = version === 'latest' ? Number.POSITIVE_INFINITY : version;
  const current = CHECKS.filter((check) => level === 'restricted' || check.level === 'baseline')
    .map((check) => ({ id: check.id, at: versionAt(check, minor) }))
    .filter((each): each is { id: string; at: CheckVersion } => each.at !== undefined);
  const overridden = new Set(current.flatMap(({ at }) => at.overrides ?? []));
  return current
    .filter(({ id }) => !overridden.has(id))
    .map(({ at }) => at.look(pod))
    .filter((finding) => finding !== undefined);
}

function versionAt({ versions }: Check, minor: number): CheckVersion | undefined {
  return versions.findLast(({ from }) => from <= minor);
}

/** `privileged (container "a" must not …), hostPort (…)` */
export function detailsText(findings: readonly Finding[]): string {
  return findings
    .map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`))
    .join(', ');
}

/** `privileged, hostPort` */
export function reasonsText(findings: readonly Finding[]): string {
  return findings.map(({ reason }) => reason).join(', ');
}
