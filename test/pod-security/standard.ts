/**
 * The Pod Security Standards as their documentation has them: controls, restricted fields, allowed
 * values, and the versions between which each line holds. Written from the tables of the page and
 * nothing else, so that it can disagree with `src/apiserver/admission/pod-security`.
 *
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, v1.36.
 */
import { inContainers, valuesAt } from './fields.ts';

interface Control {
  /** As messages call what violates it. */
  readonly reason: string;
  readonly level: 'baseline' | 'restricted';
  /** Minors of `v1.x` between which it holds, both included. */
  readonly since?: number;
  readonly until?: number;
  readonly allows: (pod: unknown) => boolean;
}

const UNDEFINED: readonly unknown[] = [undefined, null];

/** `pod.` paths are of the pod, others of each container. */
function values(pod: unknown, paths: readonly string[]): unknown[] {
  return paths.flatMap((path) =>
    path.startsWith('pod.')
      ? valuesAt(pod, path.replace('pod.', 'spec.'))
      : inContainers(pod, path),
  );
}

const only =
  (paths: readonly string[], allowed: readonly unknown[]) =>
  (pod: unknown): boolean =>
    values(pod, paths).every((value) => allowed.includes(value));

/** Of the pod and of each container. */
const both = (path: string): string[] => [`pod.securityContext.${path}`, `securityContext.${path}`];

const windows = (pod: unknown): boolean => valuesAt(pod, 'spec.os.name')[0] === 'windows';
const userNamespace = (pod: unknown): boolean => valuesAt(pod, 'spec.hostUsers')[0] === false;

function annotations(pod: unknown): [key: string, value: string][] {
  const [all = {}] = valuesAt(pod, 'metadata.annotations') as [Record<string, string>?];
  return Object.entries(all);
}

const DEFAULT_CAPABILITIES =
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  );

/** Each line adds to those before. */
const SYSCTLS: readonly [since: number, names: string][] = [
  [
    0,
    'kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_unprivileged_port_start net.ipv4.tcp_syncookies net.ipv4.ping_group_range',
  ],
  [27, 'net.ipv4.ip_local_reserved_ports'],
  [
    29,
    'net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes',
  ],
  [32, 'net.ipv4.tcp_rmem net.ipv4.tcp_wmem'],
];

const SELINUX = ['', 'container_t', 'container_init_t', 'container_kvm_t'];
const seLinux =
  (types: readonly string[]) =>
  (pod: unknown): boolean =>
    only(both('seLinuxOptions.type'), [...UNDEFINED, ...types])(pod) &&
    only([...both('seLinuxOptions.user'), ...both('seLinuxOptions.role')], [...UNDEFINED, ''])(pod);

const MASKED = only(['securityContext.procMount'], [...UNDEFINED, 'Default']);
const SECCOMP_FIELDS = both('seccompProfile.type');
const SECCOMP_TYPES = ['RuntimeDefault', 'Localhost'];

/** Where a container says nothing, the pod must have said something allowed. */
function eachOrPod(path: string, allowed: readonly unknown[]): (pod: unknown) => boolean {
  return (pod) => {
    const [ofPod] = valuesAt(pod, `spec.securityContext.${path}`);
    const isAllowed = (value: unknown): boolean => allowed.includes(value);
    return (
      (ofPod === undefined || isAllowed(ofPod)) &&
      inContainers(pod, `securityContext.${path}`).every((value) => isAllowed(value ?? ofPod))
    );
  };
}

const HANDLERS = [
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle.postStart',
  'lifecycle.preStop',
];
const RESTRICTED_VOLUMES =
  'configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret'.split(
    ' ',
  );

const added = (pod: unknown): unknown[] => inContainers(pod, 'securityContext.capabilities.add[*]');

const dropsAll = (pod: unknown): boolean =>
  inContainers(pod, 'securityContext.capabilities').every((each) =>
    valuesAt(each, 'drop[*]').includes('ALL'),
  ) && added(pod).every((name) => name === 'NET_BIND_SERVICE');

const STANDARD: readonly Control[] = [
  // Baseline.
  {
    reason: 'hostProcess',
    level: 'baseline',
    allows: only(both('windowsOptions.hostProcess'), [...UNDEFINED, false]),
  },
  {
    reason: 'host namespaces',
    level: 'baseline',
    allows: only(['pod.hostNetwork', 'pod.hostPID', 'pod.hostIPC'], [...UNDEFINED, false]),
  },
  {
    reason: 'privileged',
    level: 'baseline',
    allows: only(['securityContext.privileged'], [...UNDEFINED, false]),
  },
  {
    reason: 'non-default capabilities',
    level: 'baseline',
    allows: (pod) => added(pod).every((name) => DEFAULT_CAPABILITIES.includes(String(name))),
  },
  {
    reason: 'hostPath volumes',
    level: 'baseline',
    allows: only(['pod.volumes[*].hostPath'], UNDEFINED),
  },
  { reason: 'hostPort', level: 'baseline', allows: only(['ports[*].hostPort'], [...UNDEFINED, 0]) },
  {
    reason: 'probe or lifecycle host',
    level: 'baseline',
    since: 34,
    allows: only(
      HANDLERS.flatMap((each) => [`${each}.httpGet.host`, `${each}.tcpSocket.host`]),
      [...UNDEFINED, ''],
    ),
  },
  {
    reason: 'forbidden AppArmor profile',
    level: 'baseline',
    allows: (pod) =>
      only(both('appArmorProfile.type'), [...UNDEFINED, 'RuntimeDefault', 'Localhost'])(pod) &&
      annotations(pod)
        .filter(([key]) => key.startsWith('container.apparmor.security.beta.kubernetes.io/'))
        .every(
          ([, value]) => ['', 'runtime/default'].includes(value) || value.startsWith('localhost/'),
        ),
  },
  { reason: 'seLinuxOptions', level: 'baseline', until: 30, allows: seLinux(SELINUX) },
  {
    reason: 'seLinuxOptions',
    level: 'baseline',
    since: 31,
    allows: seLinux([...SELINUX, 'container_engine_t']),
  },
  { reason: 'procMount', level: 'baseline', until: 34, allows: MASKED },
  {
    reason: 'procMount',
    level: 'baseline',
    since: 35,
    allows: (pod) => userNamespace(pod) || MASKED(pod),
  },
  {
    reason: 'seccompProfile',
    level: 'baseline',
    until: 18,
    allows: (pod) => {
      const names = inContainers(pod, 'name').map(
        (name) => `container.seccomp.security.alpha.kubernetes.io/${String(name)}`,
      );
      return annotations(pod)
        .filter(
          ([key]) => key === 'seccomp.security.alpha.kubernetes.io/pod' || names.includes(key),
        )
        .every(([, value]) => /^(?:runtime\/default|docker\/default|localhost\/.*)$/.test(value));
    },
  },
  {
    reason: 'seccompProfile',
    level: 'baseline',
    since: 19,
    allows: only(SECCOMP_FIELDS, [...UNDEFINED, ...SECCOMP_TYPES]),
  },
  ...SYSCTLS.map(([since], i): Control => {
    const next = SYSCTLS[i + 1]?.[0];
    const safe = SYSCTLS.slice(0, i + 1).flatMap(([, names]) => names.split(' '));
    return {
      reason: 'forbidden sysctls',
      level: 'baseline',
      since,
      ...(next === undefined ? {} : { until: next - 1 }),
      allows: only(['pod.securityContext.sysctls[*].name'], safe),
    };
  }),
  // Restricted.
  {
    reason: 'restricted volume types',
    level: 'restricted',
    allows: (pod) =>
      valuesAt(pod, 'spec.volumes[*]').every((volume) =>
        RESTRICTED_VOLUMES.some((type) => Object.hasOwn(volume as object, type)),
      ),
  },
  {
    reason: 'allowPrivilegeEscalation != false',
    level: 'restricted',
    since: 8,
    until: 24,
    allows: only(['securityContext.allowPrivilegeEscalation'], [false]),
  },
  {
    reason: 'allowPrivilegeEscalation != false',
    level: 'restricted',
    since: 25,
    allows: (pod) =>
      windows(pod) || only(['securityContext.allowPrivilegeEscalation'], [false])(pod),
  },
  {
    reason: 'runAsNonRoot != true',
    level: 'restricted',
    until: 34,
    allows: eachOrPod('runAsNonRoot', [true]),
  },
  {
    reason: 'runAsNonRoot != true',
    level: 'restricted',
    since: 35,
    allows: (pod) => userNamespace(pod) || eachOrPod('runAsNonRoot', [true])(pod),
  },
  {
    reason: 'runAsUser=0',
    level: 'restricted',
    since: 23,
    until: 34,
    allows: (pod) => !values(pod, both('runAsUser')).includes(0),
  },
  {
    reason: 'runAsUser=0',
    level: 'restricted',
    since: 35,
    allows: (pod) => userNamespace(pod) || !values(pod, both('runAsUser')).includes(0),
  },
  {
    reason: 'seccompProfile',
    level: 'restricted',
    since: 19,
    until: 24,
    allows: eachOrPod('seccompProfile.type', SECCOMP_TYPES),
  },
  {
    reason: 'seccompProfile',
    level: 'restricted',
    since: 25,
    allows: (pod) => windows(pod) || eachOrPod('seccompProfile.type', SECCOMP_TYPES)(pod),
  },
  {
    reason: 'unrestricted capabilities',
    level: 'restricted',
    since: 22,
    until: 24,
    allows: dropsAll,
  },
  {
    reason: 'unrestricted capabilities',
    level: 'restricted',
    since: 25,
    allows: (pod) => windows(pod) || dropsAll(pod),
  },
  { reason: 'procMount', level: 'restricted', since: 35, allows: MASKED },
];

/** Whether `allows` is asked at the minor `version` of v1. */
function holds({ since = 0, until = Number.POSITIVE_INFINITY }: Control, version: number): boolean {
  return since <= version && version <= until;
}

/** Reasons for which the standard, as it was at v1.`version`, does not allow the pod. */
export function violations(
  level: 'privileged' | 'baseline' | 'restricted',
  version: number,
  pod: unknown,
): string[] {
  if (level === 'privileged') return [];
  return STANDARD.filter((control) => level === 'restricted' || control.level === 'baseline')
    .filter((control) => holds(control, version) && !control.allows(pod))
    .map(({ reason }) => reason);
}
