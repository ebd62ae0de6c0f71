/** Security contexts of pods and containers. Upstream: pkg/apis/core/validation/validation.go. */
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '#api/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalidValue,
  required,
  tooLong,
} from '../meta/field.ts';
import { oneOf, optionalOneOf, unixId } from './common.ts';
import { descendingPath } from './paths.ts';
import { validateWindowsOptions } from './windows.ts';
import { goForm } from '../schema/go-form.ts';

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const PROFILE_PATH_MAX = 4095;
const SYSCTL_MAX = 253;
const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`;
const IPC_SYSCTLS =
  /^(kernel\.(sem|shm|shmall|shmmax|shmmni|shm_rmid_forced|msg|msgmax|msgmnb|msgmni)$|fs\.mqueue\.)/;

function validateSeccomp(profile: SeccompProfile | undefined, at: FieldPath): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const where = at.child('localhostProfile');
  const errors = type
    ? oneOf(type, PROFILE_TYPES, at.child('type'))
    : [required(at.child('type'), 'type is required when seccompProfile is set')];
  if (type === 'Localhost') {
    if (localhostProfile === undefined)
      errors.push(required(where, 'must be set when seccomp type is Localhost'));
    else errors.push(...descendingPath(localhostProfile, where));
  } else if (localhostProfile !== undefined) {
    errors.push(
      invalidValue(
        where,
        goForm('io.k8s.api.core.v1.SeccompProfile', profile),
        'can only be set when seccomp type is Localhost',
      ),
    );
  }
  return errors;
}

function validateAppArmor(profile: AppArmorProfile | undefined, at: FieldPath): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const where = at.child('localhostProfile');
  if (!type) return [required(at.child('type'), 'type is required when appArmorProfile is set')];
  if (type !== 'Localhost') {
    const errors = oneOf(type, PROFILE_TYPES, at.child('type'));
    if (errors.length > 0 || localhostProfile === undefined) return errors;
    return [
      invalidValue(where, localhostProfile, 'can only be set when AppArmor type is Localhost'),
    ];
  }
  if (localhostProfile === undefined)
    return [required(where, 'must be set when AppArmor type is Localhost')];
  const errors: FieldError[] = [];
  if (localhostProfile.trim() !== localhostProfile) {
    errors.push(invalidValue(where, localhostProfile, 'must not be padded with whitespace'));
  } else if (localhostProfile === '')
    errors.push(required(where, 'must be set when AppArmor type is Localhost'));
  if (localhostProfile.length > PROFILE_PATH_MAX) errors.push(tooLong(where, PROFILE_PATH_MAX));
  return errors;
}

/** The security context of a container. `hostUsers`: the pod shares the host's user namespace. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  at: FieldPath,
  hostUsers: boolean,
): FieldError[] {
  if (context === undefined) return [];
  const { procMount, privileged, allowPrivilegeEscalation, capabilities } = context;
  const errors = [
    ...unixId(context.runAsUser, at.child('runAsUser')),
    ...unixId(context.runAsGroup, at.child('runAsGroup')),
    ...optionalOneOf(procMount, ['Default', 'Unmasked'], at.child('procMount')),
  ];
  if (hostUsers && procMount === 'Unmasked') {
    errors.push(
      invalidValue(at.child('procMount'), procMount, '`hostUsers` must be false to use `Unmasked`'),
    );
  }
  errors.push(...validateSeccomp(context.seccompProfile, at.child('seccompProfile')));
  if (allowPrivilegeEscalation === false) {
    if (privileged === true) {
      errors.push(
        invalidValue(
          at,
          goForm('io.k8s.api.core.v1.SecurityContext', context),
          'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
        ),
      );
    }
    if (capabilities?.add?.includes('CAP_SYS_ADMIN') === true) {
      const detail =
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
      errors.push(invalidValue(at, goForm('io.k8s.api.core.v1.SecurityContext', context), detail));
    }
  }
  return [
    ...errors,
    ...validateWindowsOptions(context.windowsOptions, at.child('windowsOptions')),
    ...validateAppArmor(context.appArmorProfile, at.child('appArmorProfile')),
  ];
}

function validateSysctls(context: PodSecurityContext, spec: PodSpec, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name = '' }] of (context.sysctls ?? []).entries()) {
    const here = at.index(i).child('name');
    if (name === '') errors.push(required(here));
    else if (name.length > SYSCTL_MAX || !new RegExp(SYSCTL).test(name)) {
      errors.push(
        invalidValue(
          here,
          name,
          `must have at most ${SYSCTL_MAX} characters and match regex ${SYSCTL}`,
        ),
      );
    } else if (seen.has(name)) errors.push(duplicate(here, name));
    const dotted = name.replaceAll('/', '.');
    if (spec.hostNetwork === true && dotted.startsWith('net.')) {
      errors.push(invalidValue(here, name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec.hostIPC === true && IPC_SYSCTLS.test(dotted)) {
      errors.push(invalidValue(here, name, "may not be specified when 'hostIPC' is true"));
    }
    seen.add(name);
  }
  return errors;
}

/** The security context of a pod. */
export function validatePodSecurityContext(spec: PodSpec, at: FieldPath): FieldError[] {
  const context = spec.securityContext;
  if (context === undefined) return [];
  const errors = [
    ...unixId(context.fsGroup, at.child('fsGroup')),
    ...unixId(context.runAsUser, at.child('runAsUser')),
    ...unixId(context.runAsGroup, at.child('runAsGroup')),
    ...(context.supplementalGroups ?? []).flatMap((id, i) =>
      unixId(id, at.child('supplementalGroups').index(i)),
    ),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalidValue(at.child('shareProcessNamespace'), true, detail));
  }
  return [
    ...errors,
    ...validateSysctls(context, spec, at.child('sysctls')),
    ...optionalOneOf(
      context.fsGroupChangePolicy,
      ['Always', 'OnRootMismatch'],
      at.child('fsGroupChangePolicy'),
    ),
    ...validateSeccomp(context.seccompProfile, at.child('seccompProfile')),
    ...validateAppArmor(context.appArmorProfile, at.child('appArmorProfile')),
    ...validateWindowsOptions(context.windowsOptions, at.child('windowsOptions')),
    ...optionalOneOf(
      context.supplementalGroupsPolicy,
      ['Merge', 'Strict'],
      at.child('supplementalGroupsPolicy'),
    ),
    ...optionalOneOf(context.seLinuxChangePolicy, ['Recursive'], at.child('seLinuxChangePolicy')),
  ];
}
