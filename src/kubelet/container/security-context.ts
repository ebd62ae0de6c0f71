/**
 * What a container may do, as the runtime is told.
 *
 * Source: API reference v1.36, SecurityContext and PodSecurityContext. Upstream:
 * pkg/securitycontext/util.go, pkg/kubelet/kuberuntime/security_context{,_others}.go.
 */
import type {
  LinuxContainerSecurityContext,
  NamespaceOption,
  UserNamespace,
} from '#api/gen/cri-v1.ts';
import type {
  Container,
  Pod,
  PodSecurityContext,
  SeccompProfile,
  SecurityContext,
} from '#api/gen/core-v1.ts';
import { appArmorFor } from './apparmor.ts';
import { NAMESPACE_MODE, SECURITY_PROFILE, SUPPLEMENTAL_GROUPS_POLICY } from '../cri/enums.ts';
import { podDescription } from '../pod/description.ts';

/** The user that the image asks for: a number, or a name that the runtime looks up. */
export interface ImageUser {
  readonly uid?: number;
  readonly username: string;
}

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** The container's own settings over the pod's. */
function effectiveSecurityContext(pod: Pod, container: Container): SecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions, seccompProfile } =
    pod.spec?.securityContext ?? {};
  const fromPod: SecurityContext = {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(runAsNonRoot === undefined ? {} : { runAsNonRoot }),
    ...(seLinuxOptions === undefined ? {} : { seLinuxOptions }),
    ...(seccompProfile === undefined ? {} : { seccompProfile }),
  };
  return { ...fromPod, ...container.securityContext };
}

/** Throws an Error with upstream's message when the container would run as root against its word. */
export function checkNonRoot(pod: Pod, container: Container, user: ImageUser): void {
  const context = effectiveSecurityContext(pod, container);
  if (context.runAsNonRoot !== true) return;
  const where = `(pod: "${podDescription(pod)}", container: ${container.name})`;
  if (context.runAsUser !== undefined) {
    if (context.runAsUser !== 0) return;
    throw new Error(`container's runAsUser breaks non-root policy ${where}`);
  }
  if (user.uid === 0) {
    throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
  }
  if (user.uid === undefined && user.username !== '') {
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${user.username}), cannot verify user is non-root ${where}`,
    );
  }
}

export function linuxSecurityContext(options: {
  readonly pod: Pod;
  readonly container: Container;
  readonly user: ImageUser;
  /** Folder of the seccomp profiles that are named by file. */
  readonly seccompDirectory: string;
  /** Containers that name no profile get the runtime's. */
  readonly seccompDefault: boolean;
  /** Container whose processes an ephemeral container shall see. */
  readonly targetContainerId?: string;
  /** Of the pod; absent: the node's. */
  readonly userNamespace?: UserNamespace;
}): LinuxContainerSecurityContext {
  const { pod, container, user } = options;
  const context = effectiveSecurityContext(pod, container);
  const unmasked = context.procMount === 'Unmasked';
  const podContext = pod.spec?.securityContext;
  return {
    privileged: context.privileged === true,
    readonlyRootfs: context.readOnlyRootFilesystem === true,
    noNewPrivs: context.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : MASKED_PATHS,
    readonlyPaths: unmasked ? [] : READONLY_PATHS,
    namespaceOptions: namespacesFor(pod, options),
    supplementalGroups: supplementalGroups(podContext),
    supplementalGroupsPolicy:
      SUPPLEMENTAL_GROUPS_POLICY[
        podContext?.supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge'
      ],
    seccomp: seccompFor(context, options),
    ...appArmorFor(pod, container),
    ...capabilities(context),
    ...(context.seLinuxOptions === undefined ? {} : { selinuxOptions: context.seLinuxOptions }),
    ...userFor(context, user),
    ...(context.runAsGroup === undefined ? {} : { runAsGroup: { value: context.runAsGroup } }),
  };
}

function userFor(
  { runAsUser }: SecurityContext,
  image: ImageUser,
): Pick<LinuxContainerSecurityContext, 'runAsUser' | 'runAsUsername'> {
  const uid = runAsUser ?? image.uid;
  if (uid !== undefined) return { runAsUser: { value: uid } };
  return image.username === '' ? {} : { runAsUsername: image.username };
}

function capabilities({
  capabilities: wanted,
}: SecurityContext): Pick<LinuxContainerSecurityContext, 'capabilities'> {
  if (wanted === undefined) return {};
  const { add = [], drop = [] } = wanted;
  return { capabilities: { addCapabilities: add, dropCapabilities: drop } };
}

export function supplementalGroups(context: PodSecurityContext | undefined): number[] {
  const { fsGroup, supplementalGroups: groups = [] } = context ?? {};
  return fsGroup === undefined ? groups : [fsGroup, ...groups];
}

function seccompFor(
  { privileged, seccompProfile }: SecurityContext,
  {
    seccompDirectory,
    seccompDefault,
  }: { readonly seccompDirectory: string; readonly seccompDefault: boolean },
) {
  const unnamed = seccompDefault ? SECURITY_PROFILE.runtimeDefault : SECURITY_PROFILE.unconfined;
  if (privileged === true) return { profileType: SECURITY_PROFILE.unconfined };
  if (seccompProfile === undefined) return { profileType: unnamed };
  return seccompProfileFor(seccompProfile, seccompDirectory);
}

function seccompProfileFor({ type, localhostProfile }: SeccompProfile, directory: string) {
  if (type === 'RuntimeDefault') return { profileType: SECURITY_PROFILE.runtimeDefault };
  if (type !== 'Localhost') return { profileType: SECURITY_PROFILE.unconfined };
  if ((localhostProfile ?? '') === '')
    throw new Error('localhostProfile must be set if seccompProfile type is Localhost.');
  const localhostRef = `${directory}/${localhostProfile}`;
  return { profileType: SECURITY_PROFILE.localhost, localhostRef };
}

/** Which namespaces the pod shares with the node, and its containers with each other. */
export function namespacesFor(
  pod: Pod,
  {
    targetContainerId,
    userNamespace = { mode: NAMESPACE_MODE.node },
  }: { readonly targetContainerId?: string; readonly userNamespace?: UserNamespace },
): NamespaceOption {
  const { hostNetwork, hostIPC, hostPID, shareProcessNamespace } = pod.spec ?? {};
  const shared = {
    network: hostNetwork === true ? NAMESPACE_MODE.node : NAMESPACE_MODE.pod,
    ipc: hostIPC === true ? NAMESPACE_MODE.node : NAMESPACE_MODE.pod,
    usernsOptions: userNamespace,
  };
  if (hostPID === true) return { ...shared, pid: NAMESPACE_MODE.node };
  if (shareProcessNamespace === true) return { ...shared, pid: NAMESPACE_MODE.pod };
  if (targetContainerId === undefined) return { ...shared, pid: NAMESPACE_MODE.container };
  return { ...shared, pid: NAMESPACE_MODE.target, targetId: targetContainerId };
}
