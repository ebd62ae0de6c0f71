/** Writes to pods/status. Upstream: pkg/apis/core/validation/validation.go (ValidatePodStatusUpdate). */
import type { Container, ContainerStatus, Pod, PodSpec } from '#api/gen/core-v1.ts';
import {
  FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
} from '../meta/field.ts';
import { parseIp } from '../meta/ip.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';
import { qualifiedName } from './common.ts';
import { isDualStackPair, validateIp } from './ip.ts';
import { immutable, invalidAll } from './metadata.ts';
import { validateAnnotationUpdate } from './pod-annotations.ts';
import { validateClaimStatuses, validateContainerStatuses } from './pod-status-resources.ts';

const STATUS = fieldPath('status');
const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized'];

/** Whether the container may be started again after it ended with `exitCode`. */
function mayRestart(container: Container | undefined, spec: PodSpec, exitCode: number): boolean {
  if (container === undefined) return false;
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  if (restartPolicy !== undefined) {
    for (const { action, exitCodes } of rules) {
      if (action !== 'Restart' || exitCodes === undefined) continue;
      const listed = exitCodes.values?.includes(exitCode) === true;
      if ((exitCodes.operator === 'In') === listed) return true;
    }
  }
  const policy: string = restartPolicy ?? spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

const restartsAll = (spec: PodSpec): boolean =>
  [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some((container) =>
    container.restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );

interface Transition {
  readonly next: readonly ContainerStatus[] | undefined;
  readonly old: readonly ContainerStatus[] | undefined;
  readonly at: FieldPath;
  readonly mayRestart: (name: string, exitCode: number) => boolean;
}

/** A container that has ended for good does not come back. */
function validateTransitions({ next, old, at, mayRestart: may }: Transition): FieldError[] {
  return (old ?? []).flatMap((before, i) => {
    const terminated = before.state?.terminated;
    if (terminated === undefined) return [];
    const after = (next ?? []).find(({ name }) => name === before.name);
    if (after === undefined || after.state?.terminated !== undefined) return [];
    if (may(before.name, terminated.exitCode ?? 0)) return [];
    return [
      forbiddenField(at.index(i).child('state'), 'may not be transitioned to non-terminated state'),
    ];
  });
}

function validateAllTransitions(next: Pod, old: Pod): FieldError[] {
  const { spec } = old;
  if (spec === undefined) return [];
  const ephemeral = validateTransitions({
    next: next.status?.ephemeralContainerStatuses,
    old: old.status?.ephemeralContainerStatuses,
    at: STATUS.child('ephemeralContainerStatuses'),
    mayRestart: () => false,
  });
  if (restartsAll(spec)) return ephemeral;
  const named = (containers: readonly Container[] | undefined, name: string) =>
    containers?.find((container) => container.name === name);
  return [
    ...validateTransitions({
      next: next.status?.containerStatuses,
      old: old.status?.containerStatuses,
      at: STATUS.child('containerStatuses'),
      mayRestart: (name, code) => mayRestart(named(spec.containers, name), spec, code),
    }),
    ...validateTransitions({
      next: next.status?.initContainerStatuses,
      old: old.status?.initContainerStatuses,
      at: STATUS.child('initContainerStatuses'),
      mayRestart: (name, code) => mayRestart(named(spec.initContainers, name), spec, code),
    }),
    ...ephemeral,
  ];
}

function validateIps(
  next: readonly { ip?: string }[],
  old: readonly { ip?: string }[],
  at: FieldPath,
): FieldError[] {
  const known = old.map(({ ip }) => ip ?? '');
  const ips = next.map(({ ip }) => ip ?? '');
  const errors = ips.flatMap((ip, i) => validateIp(ip, at.index(i), known));
  const bad = ips.findIndex((ip) => parseIp(ip) === undefined);
  if (ips.length > 1 && bad >= 0) {
    const cause = `failed to check for dual stack with error:invalid IP[${bad}]: ${ips[bad] ?? ''}`;
    errors.push(new FieldError({ type: 'InternalError', field: at, detail: cause }));
  }
  if (ips.length > 1 && (bad >= 0 || !isDualStackPair(ips))) {
    errors.push(invalidValue(at, next, 'may specify no more than one IP for each IP family'));
  }
  return errors;
}

function validateConditions(pod: Pod): FieldError[] {
  return (pod.status?.conditions ?? []).flatMap(({ type, observedGeneration }, i) => {
    const at = STATUS.child('conditions').index(i);
    return [
      ...((observedGeneration ?? 0) < 0
        ? [
            invalidValue(
              at.child('observedGeneration'),
              observedGeneration,
              'must be a non-negative integer',
            ),
          ]
        : []),
      ...(SYSTEM_CONDITIONS.includes(type) ? [] : qualifiedName(type, at.child('Type'))),
    ];
  });
}

function validateNomination(next: Pod, old: Pod): FieldError[] {
  const name = next.status?.nominatedNodeName ?? '';
  if (name === '' || name === old.status?.nominatedNodeName) return [];
  const at = STATUS.child('nominatedNodeName');
  const errors = invalidAll(at, name, nameIsDnsSubdomain(name, false));
  if (old.spec?.nodeName)
    errors.push(forbiddenField(at, 'may not be set on pods that are already bound to a node'));
  return errors;
}

export function validatePodStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const { status } = next;
  const errors = [
    ...validateAnnotationUpdate(next, old),
    ...validateConditions(next),
    ...validateNomination(next, old),
  ];
  if ((status?.observedGeneration ?? 0) < 0) {
    const at = STATUS.child('observedGeneration');
    errors.push(invalidValue(at, status?.observedGeneration, 'must be a non-negative integer'));
  }
  errors.push(...immutable(status?.qosClass, old.status?.qosClass, STATUS.child('qosClass')));
  errors.push(...validateAllTransitions(next, old), ...validateClaimStatuses(next, STATUS));
  errors.push(
    ...validateIps(status?.podIPs ?? [], old.status?.podIPs ?? [], STATUS.child('podIPs')),
  );
  const [hostIp] = status?.hostIPs ?? [];
  if (hostIp !== undefined && hostIp.ip !== status?.hostIP) {
    errors.push(
      invalidValue(
        STATUS.child('hostIPs').index(0).child('ip'),
        hostIp.ip ?? '',
        'must be equal to `hostIP`',
      ),
    );
  }
  errors.push(
    ...validateIps(status?.hostIPs ?? [], old.status?.hostIPs ?? [], STATUS.child('hostIPs')),
    ...validateContainerStatuses(next, STATUS),
  );
  return errors;
}
