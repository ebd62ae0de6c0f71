/** Containers of pods: regular, init and ephemeral. Upstream: pkg/apis/core/validation/validation.go. */
import type {
  Container,
  ContainerPort,
  ContainerRestartRule,
  EphemeralContainer,
  PodSpec,
} from '#api/gen/core-v1.ts';
import { isSidecar } from '../core/pod-helpers.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
  tooMany,
} from '../meta/field.ts';
import { isPortName, isPortNumber } from '../meta/names.ts';
import { label, oneOf, optionalOneOf, present } from './common.ts';
import { validateEnv, validateEnvFrom } from './env.ts';
import { invalidAll } from './metadata.ts';
import { validateProbes } from './probes.ts';
import { validateContainerResources } from './resource-requirements.ts';
import { validateSecurityContext } from './security.ts';
import { validateDevices, validateMounts, type Volumes } from './volume-mounts.ts';
import { PULL_POLICIES } from './volumes.ts';

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const RESTART_RULES_MAX = 20;
const EXIT_CODES_MAX = 255;

/** What containers are checked against. */
export interface ContainerContext {
  readonly spec: PodSpec;
  readonly volumes: Volumes;
}

function validatePorts(ports: readonly ContainerPort[] | undefined, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { name = '', containerPort = 0, hostPort = 0, protocol }] of (
    ports ?? []
  ).entries()) {
    const here = at.index(i);
    if (name !== '') {
      const messages = isPortName(name);
      errors.push(...invalidAll(here.child('name'), name, messages));
      if (messages.length === 0 && names.has(name))
        errors.push(duplicate(here.child('name'), name));
      names.add(name);
    }
    if (containerPort === 0) errors.push(required(here.child('containerPort')));
    else
      errors.push(
        ...invalidAll(here.child('containerPort'), containerPort, isPortNumber(containerPort)),
      );
    if (hostPort !== 0)
      errors.push(...invalidAll(here.child('hostPort'), hostPort, isPortNumber(hostPort)));
    errors.push(...oneOf(protocol, PROTOCOLS, here.child('protocol')));
  }
  return errors;
}

/** No two containers may take the same port of the host. */
function validateHostPorts(containers: readonly Container[], at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { ports }] of containers.entries()) {
    for (const [j, { protocol, hostIP = '', hostPort = 0 }] of (ports ?? []).entries()) {
      if (hostPort === 0) continue;
      const key = `${protocol ?? ''}/${hostIP}/${hostPort}`;
      if (seen.has(key))
        errors.push(duplicate(at.index(i).child('ports').index(j).child('hostPort'), key));
      seen.add(key);
    }
  }
  return errors;
}

function validateResizePolicy(
  container: Container,
  podRestartPolicy: string | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { resourceName = '', restartPolicy = '' }] of (
    container.resizePolicy ?? []
  ).entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(at.index(i), resourceName));
    seen.add(resourceName);
    errors.push(...oneOf(resourceName, ['cpu', 'memory'], at));
    errors.push(...oneOf(restartPolicy, ['NotRequired', 'RestartContainer'], at));
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(
        invalidValue(
          at,
          restartPolicy,
          "must be 'NotRequired' when pod `restartPolicy` is 'Never'",
        ),
      );
    }
  }
  return errors;
}

/** What all containers have in common. */
function validateCommon(
  container: Container,
  at: FieldPath,
  { spec, volumes }: ContainerContext,
): FieldError[] {
  const claims = (spec.resourceClaims ?? []).map(({ name }) => name).filter((name) => name !== '');
  return [
    ...(container.name ? label(container.name, at.child('name')) : [required(at.child('name'))]),
    ...present(container.image, at.child('image')),
    ...oneOf(
      container.terminationMessagePolicy,
      ['File', 'FallbackToLogsOnError'],
      at.child('terminationMessagePolicy'),
    ),
    ...validatePorts(container.ports, at.child('ports')),
    ...validateEnv(container.env, at.child('env')),
    ...validateEnvFrom(container.envFrom, at.child('envFrom')),
    ...validateMounts(container, volumes, at.child('volumeMounts')),
    ...validateDevices(container, volumes, at.child('volumeDevices')),
    ...oneOf(container.imagePullPolicy, PULL_POLICIES, at.child('imagePullPolicy')),
    ...validateContainerResources(container.resources, claims, at.child('resources')),
    ...validateResizePolicy(container, spec.restartPolicy, at.child('resizePolicy')),
    ...validateSecurityContext(
      container.securityContext,
      at.child('securityContext'),
      spec.hostUsers ?? true,
    ),
  ];
}

function validateRestartRule(
  { action = '', exitCodes }: ContainerRestartRule,
  at: FieldPath,
): FieldError[] {
  const actions = ['Restart', 'RestartAllContainers'];
  const errors = actions.includes(action)
    ? []
    : [notSupported(at.child('action'), action, actions)];
  if (exitCodes === undefined)
    return [...errors, required(at.child('exitCodes'), 'must be specified')];
  if (exitCodes.operator !== 'In' && exitCodes.operator !== 'NotIn') {
    errors.push(
      notSupported(at.child('exitCodes', 'operator'), exitCodes.operator ?? '', ['In', 'NotIn']),
    );
  }
  const count = exitCodes.values?.length ?? 0;
  if (count > EXIT_CODES_MAX)
    errors.push(tooMany(at.child('exitCodes', 'values'), count, EXIT_CODES_MAX));
  return errors;
}

function validateRestartPolicy(container: Container, at: FieldPath): FieldError[] {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  const where = at.child('restartPolicy');
  const errors = optionalOneOf(restartPolicy, ['Always', 'Never', 'OnFailure'], where);
  if (restartPolicy === undefined && rules.length > 0) {
    errors.push(required(where, 'must specify restartPolicy when restart rules are used'));
  }
  if (rules.length > RESTART_RULES_MAX) {
    errors.push(tooMany(at.child('restartPolicyRules'), rules.length, RESTART_RULES_MAX));
  }
  return [
    ...errors,
    ...rules.flatMap((rule, i) =>
      validateRestartRule(rule, at.child('restartPolicyRules').index(i)),
    ),
  ];
}

/** Rules of an init container are not looked at when it has no policy. */
function validateInitRestartPolicy(container: Container, at: FieldPath): FieldError[] {
  const errors = validateRestartPolicy(container, at);
  return container.restartPolicy === undefined ? errors.slice(0, 1) : errors;
}

export function validateContainers(at: FieldPath, context: ContainerContext): FieldError[] {
  const { spec } = context;
  const containers = spec.containers ?? [];
  if (containers.length === 0) return [required(at)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const here = at.index(i);
    errors.push(...validateCommon(container, here, context));
    if (names.has(container.name)) errors.push(duplicate(here.child('name'), container.name));
    names.add(container.name);
    errors.push(...validateProbes(container, spec.terminationGracePeriodSeconds, here));
    errors.push(...validateRestartPolicy(container, here));
  }
  return [...errors, ...validateHostPorts(containers, at)];
}

/** Init containers that end run alone: probes and hooks make no sense for them. */
function validateOneShot(container: Container, at: FieldPath): FieldError[] {
  const fields = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  const errors = fields
    .filter((field) => container[field] !== undefined)
    .map((field) =>
      forbiddenField(
        at.child(field),
        'may not be set for init containers without restartPolicy=Always',
      ),
    );
  for (const [i, { restartPolicy }] of (container.resizePolicy ?? []).entries()) {
    if (restartPolicy !== 'RestartContainer') continue;
    const where = at.child('resizePolicy').index(i).child('restartPolicy');
    const detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
    errors.push(invalidValue(where, restartPolicy, detail));
  }
  return errors;
}

export function validateInitContainers(at: FieldPath, context: ContainerContext): FieldError[] {
  const { spec } = context;
  const errors: FieldError[] = [];
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  for (const [i, container] of (spec.initContainers ?? []).entries()) {
    const here = at.index(i);
    errors.push(
      ...validateCommon(container, here, context),
      ...validateInitRestartPolicy(container, here),
    );
    if (names.has(container.name)) errors.push(duplicate(here.child('name'), container.name));
    else if (container.name) names.add(container.name);
    errors.push(...validateHostPorts([container], at));
    errors.push(
      ...(isSidecar(container)
        ? validateProbes(container, spec.terminationGracePeriodSeconds, here)
        : validateOneShot(container, here)),
    );
  }
  return errors;
}

const EPHEMERAL_FORBIDDEN = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

function isSet(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

export function validateEphemeralContainers(
  at: FieldPath,
  context: ContainerContext,
): FieldError[] {
  const { spec } = context;
  const errors: FieldError[] = [];
  const others = new Set(
    [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name),
  );
  const names = new Set(others);
  for (const [i, container] of (spec.ephemeralContainers ?? []).entries()) {
    const here = at.index(i);
    errors.push(
      ...validateCommon(container, here, context),
      ...validateImagePadding(container, here),
    );
    if (names.has(container.name)) errors.push(duplicate(here.child('name'), container.name));
    names.add(container.name);
    const target = container.targetContainerName ?? '';
    if (target !== '' && !others.has(target))
      errors.push(notFoundValue(here.child('targetContainerName'), target));
    errors.push(...validateEphemeralFields(container, here));
  }
  return errors;
}

function validateEphemeralFields(container: EphemeralContainer, at: FieldPath): FieldError[] {
  const detail = 'cannot be set for an Ephemeral Container';
  const errors = EPHEMERAL_FORBIDDEN.filter((field) => isSet(container[field])).map((field) =>
    forbiddenField(at.child(field), detail),
  );
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    for (const field of ['subPath', 'subPathExpr'] as const) {
      if (mount[field])
        errors.push(forbiddenField(at.child('volumeMounts').index(i).child(field), detail));
    }
  }
  return errors;
}

/** In pods, not in templates: an image may not be padded with spaces. */
export function validateImagePadding(
  { image = '' }: { readonly image?: string },
  at: FieldPath,
): FieldError[] {
  return image.trim() === image
    ? []
    : [invalidValue(at.child('image'), image, 'must not have leading or trailing whitespace')];
}
