/**
 * Which kernel settings a pod may ask for: those that are safe, and those that the node allows.
 *
 * Pure. Source: Kubernetes documentation "Using sysctls in a Kubernetes Cluster" v1.36. Upstream:
 * pkg/kubelet/sysctl/{allowlist,safe_sysctls}.go, component-helpers/node/util/sysctl/namespace.go.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { Rejection } from './rejection.ts';

type Namespace = 'IPC' | 'Net';

/** With the kernel that has them for each namespace, where not all kernels do. */
const SAFE: readonly (readonly [name: string, kernel?: string])[] = [
  ['kernel.shm_rmid_forced'],
  ['net.ipv4.ip_local_port_range'],
  ['net.ipv4.tcp_syncookies'],
  ['net.ipv4.ping_group_range'],
  ['net.ipv4.ip_unprivileged_port_start'],
  ['net.ipv4.ip_local_reserved_ports', '3.16'],
  ['net.ipv4.tcp_keepalive_time', '4.5'],
  ['net.ipv4.tcp_fin_timeout', '4.6'],
  ['net.ipv4.tcp_keepalive_intvl', '4.5'],
  ['net.ipv4.tcp_keepalive_probes', '4.5'],
  ['net.ipv4.tcp_rmem', '4.15'],
  ['net.ipv4.tcp_wmem', '4.15'],
];

/** `kernel.shm` and `kernel.msg` stand for what begins so. */
const IPC_NAMES: ReadonlySet<string> = new Set([
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'kernel.shm',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.msg',
]);

const PATTERN_LENGTH_MAX = 253;
const SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const LAST = '([a-z0-9][-_a-z0-9]*)?[a-z0-9*]';
/** As upstream prints it. */
const PATTERN_TEXT = `(${SEGMENT}[\\./])*${LAST}`;
const PATTERN = new RegExp(`^(${SEGMENT}[./])*${LAST}$`);

interface Allowed {
  /** Without the `*` of a pattern. */
  readonly name: string;
  readonly isPrefix: boolean;
  readonly namespace: Namespace;
}

export class SysctlAllowlist {
  readonly #allowed: readonly Allowed[];

  /**
   * `patterns`: names, or beginnings of them with a `*`. `kernel`: of the node (`6.1.0-13-amd64`).
   * Throws an Error for what is no such pattern, or is shared with the node.
   */
  constructor(patterns: readonly string[], kernel: string) {
    const safe = SAFE.flatMap(([name, since]) =>
      since === undefined || isAtLeast(kernel, since) ? [name] : [],
    );
    this.#allowed = [...safe, ...patterns].map(allowedOf);
  }

  /** Undefined: the pod asks for none but those. */
  rejectionOf({ spec }: Pod): Rejection | undefined {
    for (const { name } of spec?.securityContext?.sysctls ?? []) {
      const problem = this.#problemOf(name, {
        Net: spec?.hostNetwork === true,
        IPC: spec?.hostIPC === true,
      });
      if (problem !== undefined)
        return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${problem}` };
    }
    return undefined;
  }

  #problemOf(given: string, isShared: Readonly<Record<Namespace, boolean>>): string | undefined {
    const sysctl = normalized(given);
    const matching = ({ name, isPrefix }: Allowed): boolean =>
      isPrefix ? sysctl.startsWith(name) : sysctl === name;
    const found =
      this.#allowed.find((each) => !each.isPrefix && matching(each)) ??
      this.#allowed.find(matching);
    if (found === undefined) return `${JSON.stringify(sysctl)} not allowlisted`;
    const { namespace } = found;
    return isShared[namespace]
      ? `${JSON.stringify(sysctl)} not allowed with host ${namespace} enabled`
      : undefined;
  }
}

function allowedOf(pattern: string): Allowed {
  if (pattern.length > PATTERN_LENGTH_MAX || !PATTERN.test(pattern))
    throw new Error(
      `sysctl ${JSON.stringify(pattern)} must have at most ${PATTERN_LENGTH_MAX} characters and match regex ${PATTERN_TEXT}`,
    );
  const whole = normalized(pattern);
  const star = whole.indexOf('*');
  const name = star < 0 ? whole : whole.slice(0, star);
  const namespace = namespaceOf(name);
  if (namespace !== undefined) return { name, isPrefix: star >= 0, namespace };
  throw new Error(`the sysctls ${JSON.stringify(name)} are not known to be namespaced`);
}

function namespaceOf(name: string): Namespace | undefined {
  if (IPC_NAMES.has(name) || name.startsWith('fs.mqueue.')) return 'IPC';
  return name.startsWith('net.') ? 'Net' : undefined;
}

/** A name whose first separator is a slash has dots within its parts (sysctl.d(5)). */
function normalized(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== '/') return name;
  return name.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'));
}

function isAtLeast(kernel: string, since: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split('.').map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}
