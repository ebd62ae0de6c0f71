/**
 * Privileges of processes: privileged containers, more privileges than the parent, capabilities of
 * Linux, processes of the host on Windows.
 *
 * Source: Kubernetes documentation, "Pod Security Standards": Privileged Containers, Privilege
 * Escalation, Capabilities, HostProcess.
 */
import {
  type AnyContainer,
  type Check,
  type CheckedPod,
  containersOf,
  containersText,
  type Finding,
  isForWindows,
  namesWhere,
  quoted,
  settersText,
  sortedSet,
  unless,
} from '../check.ts';

export const PRIVILEGED: Check = {
  id: 'privileged',
  level: 'baseline',
  versions: [
    {
      from: 0,
      look(pod) {
        const names = namesWhere(
          pod,
          ({ securityContext }) => securityContext?.privileged === true,
        );
        if (names.length === 0) return undefined;
        return {
          reason: 'privileged',
          detail: `${containersText(names)} must not set securityContext.privileged=true`,
        };
      },
    },
  ],
};

export const WINDOWS_HOST_PROCESS: Check = {
  id: 'windowsHostProcess',
  level: 'baseline',
  versions: [
    {
      from: 0,
      look(pod) {
        const byPod = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
        const names = namesWhere(
          pod,
          ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true,
        );
        const setters = settersText(byPod, names);
        if (setters === '') return undefined;
        return {
          reason: 'hostProcess',
          detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true`,
        };
      },
    },
  ],
};

function escalation(pod: CheckedPod): Finding | undefined {
  const names = namesWhere(
    pod,
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  );
  if (names.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersText(names)} must set securityContext.allowPrivilegeEscalation=false`,
  };
}

/** The field is there since v1.8. */
export const ALLOW_PRIVILEGE_ESCALATION: Check = {
  id: 'allowPrivilegeEscalation',
  level: 'restricted',
  versions: [
    { from: 8, look: escalation },
    { from: 25, look: unless(isForWindows, escalation) },
  ],
};

/** What a container has that asks for nothing. */
const DEFAULT_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const addedBeyond =
  (isAllowed: (capability: string) => boolean) =>
  ({ securityContext }: AnyContainer): string[] =>
    (securityContext?.capabilities?.add ?? []).filter((capability) => !isAllowed(capability));

/** `containers "a" must not include "X" in …`; undefined where none adds too much. */
function addedText(
  pod: CheckedPod,
  excess: (container: AnyContainer) => string[],
): string | undefined {
  const names = namesWhere(pod, (container) => excess(container).length > 0);
  if (names.length === 0) return undefined;
  const capabilities = sortedSet(containersOf(pod).flatMap(excess));
  return `${containersText(names)} must not include ${quoted(capabilities)} in securityContext.capabilities.add`;
}

export const CAPABILITIES_BASELINE: Check = {
  id: 'capabilities_baseline',
  level: 'baseline',
  versions: [
    {
      from: 0,
      look(pod) {
        const detail = addedText(
          pod,
          addedBeyond((capability) => DEFAULT_CAPABILITIES.has(capability)),
        );
        return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
      },
    },
  ],
};

function unrestricted(pod: CheckedPod): Finding | undefined {
  const keeping = namesWhere(
    pod,
    ({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') !== true,
  );
  const details = [
    keeping.length === 0
      ? undefined
      : `${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`,
    addedText(
      pod,
      addedBeyond((capability) => capability === 'NET_BIND_SERVICE'),
    ),
  ].filter((text) => text !== undefined);
  return details.length === 0
    ? undefined
    : { reason: 'unrestricted capabilities', detail: details.join('; ') };
}

const CAPABILITIES_OVERRIDDEN = [CAPABILITIES_BASELINE.id];

export const CAPABILITIES_RESTRICTED: Check = {
  id: 'capabilities_restricted',
  level: 'restricted',
  versions: [
    { from: 22, look: unrestricted, overrides: CAPABILITIES_OVERRIDDEN },
    { from: 25, look: unless(isForWindows, unrestricted), overrides: CAPABILITIES_OVERRIDDEN },
  ],
};
