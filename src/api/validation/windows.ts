/** Windows options of pods and containers. Upstream: pkg/apis/core/validation/validation.go. */
import type { PodSpec, WindowsSecurityContextOptions } from '#api/gen/core-v1.ts';
import { type FieldError, type FieldPath, forbiddenField, invalidValue } from '../meta/field.ts';
import { wasSentEmpty } from '../meta/json.ts';
import { subdomain } from './common.ts';
import { containersWithPaths } from './container-paths.ts';

const CREDENTIAL_KIB_MAX = 64;
const DOMAIN_MAX = 256;
const USER_MAX = 104;
const NET_BIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const DNS = new RegExp(`^${DNS_LABEL}(?:\\.${DNS_LABEL})*$`);
const NOT_IN_NAMES = /["/\\:;|=,+*?<>@[\]]/;

export function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  at: FieldPath,
): FieldError[] {
  if (options === undefined) return [];
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options;
  const errors = name === undefined ? [] : subdomain(name, at.child('gmsaCredentialSpecName'));
  const here = at.child('gmsaCredentialSpec');
  if (spec === '')
    errors.push(invalidValue(here, spec, 'gmsaCredentialSpec cannot be an empty string'));
  else if (spec !== undefined && Buffer.byteLength(spec) > CREDENTIAL_KIB_MAX * 1024) {
    const detail = `gmsaCredentialSpec size must be under ${CREDENTIAL_KIB_MAX} KiB`;
    errors.push(invalidValue(here, spec, detail));
  }
  if (runAsUserName === undefined) return errors;
  const problems = userProblems(runAsUserName);
  const userAt = at.child('runAsUserName');
  return [...errors, ...problems.map((detail) => invalidValue(userAt, runAsUserName, detail))];
}

/** `DOMAIN\user`, or a user alone. */
function userProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (/\p{Cc}/u.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? parts[0] : undefined;
  const problems: string[] = [];
  if ((domain ?? '').length >= DOMAIN_MAX)
    problems.push(`runAsUserName's Domain length must be under ${DOMAIN_MAX} characters`);
  if (domain !== undefined && !NET_BIOS.test(domain) && !DNS.test(domain))
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === '') problems.push("runAsUserName's User cannot be empty");
  else if (user.length > USER_MAX) {
    problems.push(`runAsUserName's User length must not be longer than ${USER_MAX} characters`);
  }
  if (/^[. ]+$/.test(user))
    problems.push("runAsUserName's User cannot contain only periods or spaces");
  if (NOT_IN_NAMES.test(user)) {
    problems.push(
      'runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]',
    );
  }
  return problems;
}

/** Containers that are processes of the host: all of a pod or none, and on the host's network. */
export function validateHostProcess(spec: PodSpec, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const pod = spec.securityContext?.windowsOptions?.hostProcess;
  let count = 0;
  let hostProcesses = 0;
  for (const { container, path } of containersWithPaths(spec, at)) {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    count++;
    if (own ?? pod ?? false) hostProcesses++;
    if (pod === undefined || own === undefined || pod === own) continue;
    const where = path.child('securityContext', 'windowsOptions', 'hostProcess');
    const detail = `pod hostProcess value must be identical if both are specified, was ${pod}`;
    errors.push(invalidValue(where, own, detail));
  }
  if (hostProcesses === 0) return errors;
  if (hostProcesses !== count) {
    const detail =
      'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.push(invalidValue(at, '', detail));
  }
  if (spec.hostNetwork !== true) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.push(invalidValue(at.child('hostNetwork'), false, detail));
  }
  return errors;
}

const NOT_FOR_PODS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const;
const NOT_FOR_CONTAINERS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;
const FORBIDDEN = 'cannot be set for a windows pod';

/** What a pod that says it is for Windows may not set. */
export function validateWindowsPod(spec: PodSpec, at: FieldPath): FieldError[] {
  const { securityContext: context = {} } = spec;
  const here = at.child('securityContext');
  const errors: FieldError[] = [];
  const forbid = (isSet: boolean, path: FieldPath): void => {
    if (isSet) errors.push(forbiddenField(path, FORBIDDEN));
  };
  for (const field of NOT_FOR_PODS)
    forbid(context[field] !== undefined || wasSentEmpty(context, field), here.child(field));
  forbid((context.sysctls ?? []).length > 0, here.child('sysctls'));
  forbid(spec.hostUsers !== undefined, at.child('hostUsers'));
  forbid(spec.hostPID === true, at.child('hostPID'));
  forbid(spec.hostIPC === true, at.child('hostIPC'));
  forbid(spec.shareProcessNamespace !== undefined, at.child('shareProcessNamespace'));
  for (const { container, path } of containersWithPaths(spec, at)) {
    const own = container.securityContext ?? {};
    for (const field of NOT_FOR_CONTAINERS)
      forbid(own[field] !== undefined, path.child('securityContext', field));
  }
  return errors;
}
