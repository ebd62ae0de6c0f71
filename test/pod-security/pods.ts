/**
 * Pods by chance, from a seed: most that matters to the standards is as it should be, and here and
 * there something is not. Those for Windows say nothing that only Linux has, as validation demands.
 */
import type {
  Capabilities,
  Container,
  Pod,
  PodSecurityContext,
  PodSpec,
  Probe,
  SecurityContext,
  Volume,
} from '#api/gen/core-v1.ts';
import { Dice } from '../fuzz/dice.ts';

const CAPABILITIES = [
  'ALL',
  'CHOWN',
  'KILL',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SYS_ADMIN',
  'SYS_CHROOT',
];
const SYSCTLS =
  'kernel.shm_rmid_forced kernel.msgmax net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_rmem net.core.somaxconn'.split(
    ' ',
  );
const VOLUMES =
  'hostPath nfs iscsi gitRepo configMap secret emptyDir csi image ephemeral projected fc downwardAPI persistentVolumeClaim storageos'.split(
    ' ',
  );
const ANNOTATIONS = [
  'container.apparmor.security.beta.kubernetes.io/c0',
  'seccomp.security.alpha.kubernetes.io/pod',
  'container.seccomp.security.alpha.kubernetes.io/c0',
  'container.seccomp.security.alpha.kubernetes.io/other',
  'example.com/other',
];
const ANNOTATED = [
  '',
  'runtime/default',
  'docker/default',
  'localhost/x',
  'localhost',
  'unconfined',
];

/** How often something is not as the standards want it. */
const ODD = 0.04;

export function randomPod(seed: number): Pod {
  const dice = new Dice(seed);
  const isWindows = dice.chance(0.15);
  const careful = dice.chance(0.7);
  const odd = (): boolean => dice.chance(careful ? ODD : ODD * 5);
  const count = (most: number): number => dice.below(most + 1);
  const containers = (prefix: string, many: number): Container[] =>
    Array.from({ length: many }, (_, i) =>
      container(dice, odd, `${prefix}${i}`, isWindows, careful),
    );
  const spec: PodSpec = {
    containers: containers('c', 1 + count(1)),
    ...(odd() ? { initContainers: containers('i', 1) } : {}),
    ...(odd() ? { ephemeralContainers: containers('e', 1) } : {}),
    ...(isWindows
      ? { os: { name: 'windows' } }
      : dice.chance(0.1)
        ? { os: { name: 'linux' } }
        : {}),
    ...(dice.chance(0.2) ? { hostUsers: dice.chance(0.3) } : {}),
    ...(odd() ? { hostNetwork: dice.chance(0.5) } : {}),
    ...(odd() && !isWindows ? { hostPID: true } : {}),
    ...(odd() && !isWindows ? { hostIPC: dice.chance(0.5) } : {}),
    ...(dice.chance(0.3) ? { volumes: volumes(dice, odd) } : {}),
    ...(careful || odd() ? { securityContext: podContext(dice, odd, isWindows) } : {}),
  };
  const annotations = Object.fromEntries(
    ANNOTATIONS.filter(() => odd()).map((key) => [key, dice.pick(ANNOTATED)]),
  );
  return { metadata: { name: 'web', annotations }, spec };
}

function volumes(dice: Dice, odd: () => boolean): Volume[] {
  return Array.from({ length: 1 + dice.below(2) }, (_, i) => ({
    name: `v${i}`,
    [odd() ? dice.pick(VOLUMES) : 'emptyDir']: {},
  }));
}

function podContext(dice: Dice, odd: () => boolean, isWindows: boolean): PodSecurityContext {
  return {
    ...(dice.chance(0.8) ? { runAsNonRoot: !odd() } : {}),
    ...(odd() ? { windowsOptions: { hostProcess: dice.chance(0.7) } } : {}),
    ...(isWindows ? {} : linuxOptions(dice, odd)),
    ...(isWindows || !dice.chance(0.4)
      ? {}
      : { sysctls: [{ name: odd() ? dice.pick(SYSCTLS) : 'kernel.shm_rmid_forced', value: '1' }] }),
  };
}

/** What the pod and its containers may both say, on Linux. */
function linuxOptions(dice: Dice, odd: () => boolean): SecurityContext & PodSecurityContext {
  const type = (values: readonly string[]): { type: string } => ({ type: dice.pick(values) });
  const profiles = ['RuntimeDefault', 'Localhost', 'Unconfined'];
  return {
    ...(dice.chance(0.2) ? { runAsUser: odd() ? 0 : 1000 } : {}),
    ...(dice.chance(0.8)
      ? { seccompProfile: odd() ? type(profiles) : { type: 'RuntimeDefault' } }
      : {}),
    ...(odd() ? { appArmorProfile: type(profiles) } : {}),
    ...(odd()
      ? {
          seLinuxOptions: {
            ...type(['', 'container_t', 'container_kvm_t', 'container_engine_t', 'spc_t']),
            ...(odd() ? { user: dice.pick(['', 'u']) } : {}),
            ...(odd() ? { role: dice.pick(['', 'r']) } : {}),
            level: 's0',
          },
        }
      : {}),
  } as SecurityContext & PodSecurityContext;
}

function container(
  dice: Dice,
  odd: () => boolean,
  name: string,
  isWindows: boolean,
  careful: boolean,
): Container {
  const made: Container = { name, image: 'i' };
  if (odd()) made.ports = [{ containerPort: 80, hostPort: dice.pick([0, 80, 443]) }];
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const)
    if (odd()) made[probe] = call(dice);
  if (odd()) made.lifecycle = { [dice.pick(['postStart', 'preStop'])]: call(dice) };
  if (!careful && dice.chance(0.4)) return made;
  made.securityContext = {
    ...(dice.chance(0.3) ? { runAsNonRoot: !odd() } : {}),
    ...(odd() ? { windowsOptions: { hostProcess: dice.chance(0.7) } } : {}),
    ...(isWindows ? {} : linuxContext(dice, odd)),
  };
  return made;
}

function linuxContext(dice: Dice, odd: () => boolean): SecurityContext {
  return {
    ...(odd() ? {} : { allowPrivilegeEscalation: odd() }),
    ...(odd() ? { privileged: dice.chance(0.5) } : {}),
    ...(odd() ? { procMount: dice.pick(['Default', 'Unmasked'] as const) } : {}),
    ...(odd() ? {} : { capabilities: capabilities(dice, odd) }),
    ...(dice.chance(0.3) ? linuxOptions(dice, odd) : {}),
  };
}

function capabilities(dice: Dice, odd: () => boolean): Capabilities {
  return {
    ...(odd() ? {} : { drop: odd() ? [dice.pick(CAPABILITIES)] : ['KILL', 'ALL'] }),
    ...(dice.chance(0.2) ? { add: [odd() ? dice.pick(CAPABILITIES) : 'NET_BIND_SERVICE'] } : {}),
  };
}

function call(dice: Dice): Probe {
  const host = dice.pick([{}, { host: '' }, { host: 'h' }]);
  return dice.chance(0.5)
    ? { httpGet: { port: 80, ...host } }
    : { tcpSocket: { port: 80, ...host } };
}
