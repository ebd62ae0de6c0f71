/**
 * The spec of a pod, in pods and in templates.
 *
 * Source: upstream pkg/apis/core/validation/validation.go (ValidatePodSpec).
 */
import type { PodSpec } from '#api/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { nameIsDnsSubdomain, rangeError } from '../meta/names.ts';
import type { ObjectMeta } from '../meta/object.ts';
import { validateAffinity } from './affinity.ts';
import { containersWithPaths } from './container-paths.ts';
import { label, oneOf, qualifiedName, subdomain } from './common.ts';
import {
  validateContainers,
  validateEphemeralContainers,
  validateInitContainers,
} from './containers.ts';
import { invalidAll, validateLabels } from './metadata.ts';
import {
  validateDns,
  validateHostAliases,
  validateHostNetwork,
  validateHostnameOverride,
} from './pod-network.ts';
import { validatePodResources } from './pod-resources.ts';
import { validateContainerResources } from './resource-requirements.ts';
import {
  validateSchedulingGates,
  validateTolerations,
  validateTopologySpread,
} from './scheduling.ts';
import { validatePodSecurityContext } from './security.ts';
import { validateVolumes } from './volumes.ts';
import { validateHostProcess, validateWindowsPod } from './windows.ts';
import { goForm } from '../schema/go-form.ts';

const INT32_MAX = 2 ** 31 - 1;
const MIRROR = 'kubernetes.io/config.mirror';

export interface PodSpecContext {
  /** The metadata of a pod; undefined for a template. */
  readonly metadata: ObjectMeta | undefined;
}

const CLAIM = 'io.k8s.api.core.v1.PodResourceClaim';

function optionalName(name: string | undefined, at: FieldPath): FieldError[] {
  return name ? invalidAll(at, name, nameIsDnsSubdomain(name, false)) : [];
}

function validateNames(spec: PodSpec, at: FieldPath): FieldError[] {
  return [
    ...optionalName(spec.serviceAccountName, at.child('serviceAccountName')),
    ...optionalName(spec.nodeName, at.child('nodeName')),
    ...(spec.hostname ? label(spec.hostname, at.child('hostname')) : []),
    ...(spec.subdomain ? label(spec.subdomain, at.child('subdomain')) : []),
    ...optionalName(spec.priorityClassName, at.child('priorityClassName')),
    ...(spec.runtimeClassName === undefined
      ? []
      : invalidAll(
          at.child('runtimeClassName'),
          spec.runtimeClassName,
          nameIsDnsSubdomain(spec.runtimeClassName, false),
        )),
  ];
}

function validateResourceClaims(
  spec: PodSpec,
  metadata: ObjectMeta | undefined,
  at: FieldPath,
): FieldError[] {
  const claims = spec.resourceClaims ?? [];
  if (claims.length > 0 && metadata?.annotations?.[MIRROR] !== undefined) {
    return [forbiddenField('', 'static pods do not support resource claims')];
  }
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, claim] of claims.entries()) {
    const here = at.index(i);
    const { resourceClaimName: claimName, resourceClaimTemplateName: templateName } = claim;
    const name = claim.name ?? '';
    if (name === '') errors.push(required(here.child('name')));
    else if (names.has(name)) errors.push(duplicate(here.child('name'), name));
    else errors.push(...label(name, here.child('name')));
    names.add(name);
    if (claimName !== undefined && templateName !== undefined) {
      const detail =
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalidValue(here, goForm(CLAIM, claim), detail));
    }
    if (claimName === undefined && templateName === undefined) {
      errors.push(
        invalidValue(
          here,
          goForm(CLAIM, claim),
          'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        ),
      );
    }
    if (claimName !== undefined)
      errors.push(...subdomain(claimName, here.child('resourceClaimName')));
    if (templateName !== undefined)
      errors.push(...subdomain(templateName, here.child('resourceClaimTemplateName')));
  }
  return errors;
}

function validateDeadline(seconds: number | undefined, at: FieldPath): FieldError[] {
  return seconds === undefined || (seconds >= 1 && seconds <= INT32_MAX)
    ? []
    : [invalidValue(at, seconds, rangeError(1, INT32_MAX))];
}

/** A pod with user namespaces of its own shares no other namespace with the host. */
function validateHostUsers(spec: PodSpec, at: FieldPath): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const detail = 'when `hostUsers` is false';
  const errors: FieldError[] = [];
  if (spec.hostNetwork === true) errors.push(forbiddenField(at.child('hostNetwork'), detail));
  if (spec.hostPID === true) errors.push(forbiddenField(at.child('HostPID'), detail));
  if (spec.hostIPC === true) errors.push(forbiddenField(at.child('HostIPC'), detail));
  for (const { container, path } of containersWithPaths(spec, at)) {
    if ((container.volumeDevices ?? []).length > 0)
      errors.push(forbiddenField(path.child('volumeDevices'), detail));
  }
  return errors;
}

/** Variables from a file: the file lies in an emptyDir of the pod. */
function validateFileVariables(spec: PodSpec, at: FieldPath): FieldError[] {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return containersWithPaths(spec, at).flatMap(({ container, path }) =>
    (container.env ?? []).flatMap(({ valueFrom }, i) => {
      if (valueFrom?.fileKeyRef === undefined) return [];
      const name = valueFrom.fileKeyRef.volumeName ?? '';
      const where = path.child('env').index(i).child('valueFrom', 'fileKeyRef', 'volumeName');
      const volume = volumes.get(name);
      if (volume === undefined) return [notFoundValue(where, name)];
      if (volume.emptyDir !== undefined) return [];
      return [invalidValue(where, name, 'referenced volume must be of type emptyDir')];
    }),
  );
}

function validateOs(spec: PodSpec, at: FieldPath): FieldError[] {
  if (spec.os === undefined) return [];
  const name: string = spec.os.name ?? '';
  if (name === '') return [required(at.child('os', 'name'))];
  if (name !== 'linux' && name !== 'windows')
    return [notSupported(at.child('os'), name, ['linux', 'windows'])];
  if (name === 'windows') return validateWindowsPod(spec, at);
  const detail = 'windows options cannot be set for a linux pod';
  const errors: FieldError[] = [];
  if (spec.securityContext?.windowsOptions !== undefined) {
    errors.push(forbiddenField(at.child('securityContext', 'windowsOptions'), detail));
  }
  for (const { container, path } of containersWithPaths(spec, at)) {
    if (container.securityContext?.windowsOptions === undefined) continue;
    errors.push(forbiddenField(path.child('securityContext', 'windowsOptions'), detail));
  }
  return errors;
}

function validateOverhead(spec: PodSpec, at: FieldPath): FieldError[] {
  // As upstream does, with the rules and under the path of a container's limits.
  return spec.overhead === undefined
    ? []
    : validateContainerResources({ limits: spec.overhead }, [], at);
}

/** How containers are run and restarted. */
function validateRunning(spec: PodSpec, at: FieldPath): FieldError[] {
  return [
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], at.child('restartPolicy')),
    ...oneOf(
      spec.dnsPolicy,
      ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'],
      at.child('dnsPolicy'),
    ),
    ...validateLabels(spec.nodeSelector, at.child('nodeSelector')),
    ...validatePodSecurityContext(spec, at.child('securityContext')),
    ...validateAffinity(spec.affinity, at.child('affinity')),
    ...validateDns(spec, at.child('dnsConfig')),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, i) =>
      qualifiedName(conditionType, at.child('readinessGates').index(i).child('conditionType')),
    ),
    ...validateSchedulingGates(spec.schedulingGates, at.child('schedulingGates')),
    ...validateTopologySpread(
      spec.topologySpreadConstraints,
      at.child('topologySpreadConstraints'),
    ),
  ];
}

export function validatePodSpec(
  spec: PodSpec | undefined,
  at: FieldPath,
  { metadata }: PodSpecContext,
): FieldError[] {
  if (spec === undefined) return [required(at.child('containers'))];
  const isPod = metadata !== undefined;
  const volumes = validateVolumes(spec.volumes, at.child('volumes'), { metadata, isPod });
  const context = { spec, volumes: volumes.valid };
  const grace =
    spec.terminationGracePeriodSeconds === undefined
      ? [required(at.child('terminationGracePeriodSeconds'))]
      : [];
  return [
    ...grace,
    ...volumes.errors,
    ...validateResourceClaims(spec, metadata, at.child('resourceClaims')),
    ...validateContainers(at.child('containers'), context),
    ...validateInitContainers(at.child('initContainers'), context),
    ...validateEphemeralContainers(at.child('ephemeralContainers'), context),
    ...validatePodResources(spec, at),
    ...validateHostNetwork(spec, at, isPod),
    ...validateRunning(spec, at),
    ...validateHostUsers(spec, at),
    ...validateHostnameOverride(spec, at),
    ...validateNames(spec, at),
    ...validateDeadline(spec.activeDeadlineSeconds, at.child('activeDeadlineSeconds')),
    ...validateTolerations(spec.tolerations, at.child('tolerations')),
    ...validateHostAliases(spec.hostAliases, at.child('hostAliases')),
    ...(spec.preemptionPolicy === undefined
      ? []
      : oneOf(
          spec.preemptionPolicy,
          ['PreemptLowerPriority', 'Never'],
          at.child('preemptionPolicy'),
        )),
    ...validateHostProcess(spec, at),
    ...validateOverhead(spec, at.child('overhead')),
    ...validateOs(spec, at),
    ...validateSchedulingGroup(spec, at.child('schedulingGroup', 'podGroupName')),
    ...validateFileVariables(spec, at),
  ];
}

function validateSchedulingGroup({ schedulingGroup }: PodSpec, at: FieldPath): FieldError[] {
  if (schedulingGroup === undefined) return [];
  const { podGroupName: name } = schedulingGroup;
  return name === undefined
    ? [invalidValue(at, null, 'must specify one of: `podGroupName`')]
    : nameIsDnsSubdomain(name, false).map((detail) => invalidValue(at, name, detail));
}
