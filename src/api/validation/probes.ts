/** Probes and lifecycle hooks. Upstream: pkg/apis/core/validation/validation.go. */
import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isHttpHeaderName, isPortName, isPortNumber } from '../meta/names.ts';
import { invalidAll, nonnegative } from './metadata.ts';

/** A number or the name of a port. */
export function validatePort(port: number | string | undefined, at: FieldPath): FieldError[] {
  if (typeof port === 'string') return invalidAll(at, port, isPortName(port));
  return invalidAll(at, port ?? 0, isPortNumber(port ?? 0));
}

function validateHttpGet(action: HTTPGetAction, at: FieldPath): FieldError[] {
  const errors = action.path ? [] : [required(at.child('path'))];
  errors.push(...validatePort(action.port, at.child('port')));
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS') {
    errors.push(notSupported(at.child('scheme'), action.scheme ?? '', ['HTTP', 'HTTPS']));
  }
  for (const { name = '' } of action.httpHeaders ?? []) {
    errors.push(...invalidAll(at.child('httpHeaders'), name, isHttpHeaderName(name)));
  }
  return errors;
}

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> &
  Pick<LifecycleHandler, 'sleep'>;

/** Exactly one way to act. `graceSeconds` bounds a sleep. */
function validateHandler(
  handler: Handler,
  graceSeconds: number | undefined,
  at: FieldPath,
): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const found: [string, FieldError[]][] = [];
  if (exec !== undefined) {
    found.push([
      'exec',
      (exec.command ?? []).length > 0 ? [] : [required(at.child('exec', 'command'))],
    ]);
  }
  if (httpGet !== undefined) found.push(['httpGet', validateHttpGet(httpGet, at.child('httpGet'))]);
  if (tcpSocket !== undefined)
    found.push(['tcpSocket', validatePort(tcpSocket.port, at.child('tcpSocket', 'port'))]);
  if (grpc !== undefined) found.push(['grpc', validatePort(grpc.port, at.child('grpc', 'port'))]);
  if (sleep !== undefined)
    found.push(['sleep', validateSleep(sleep.seconds ?? 0, graceSeconds, at.child('sleep'))]);
  if (found.length === 0) return [required(at, 'must specify a handler type')];
  return found.flatMap(([name, errors], i) =>
    i === 0 ? errors : [forbiddenField(at.child(name), 'may not specify more than 1 handler type')],
  );
}

function validateSleep(
  seconds: number,
  graceSeconds: number | undefined,
  at: FieldPath,
): FieldError[] {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
  const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  return [invalidValue(at, seconds, detail)];
}

function validateProbe(
  probe: Probe,
  graceSeconds: number | undefined,
  at: FieldPath,
): FieldError[] {
  const errors = validateHandler(probe, graceSeconds, at);
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    errors.push(...nonnegative(probe[name], at.child(name)));
  }
  const own = probe.terminationGracePeriodSeconds;
  if (own !== undefined && own <= 0) {
    errors.push(
      invalidValue(at.child('terminationGracePeriodSeconds'), own, 'must be greater than 0'),
    );
  }
  return errors;
}

interface Probed {
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly lifecycle?: Lifecycle;
}

/** The probes and hooks of a container. */
export function validateProbes(
  container: Probed,
  graceSeconds: number | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const { lifecycle, readinessProbe } = container;
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[hook];
    if (handler !== undefined)
      errors.push(...validateHandler(handler, graceSeconds, at.child('lifecycle', hook)));
  }
  for (const name of ['livenessProbe', 'startupProbe'] as const) {
    const probe = container[name];
    if (probe === undefined) continue;
    errors.push(...validateProbe(probe, graceSeconds, at.child(name)));
    if (probe.successThreshold !== 1) {
      errors.push(
        invalidValue(at.child(name, 'successThreshold'), probe.successThreshold ?? 0, 'must be 1'),
      );
    }
  }
  if (readinessProbe !== undefined) {
    errors.push(...validateProbe(readinessProbe, graceSeconds, at.child('readinessProbe')));
    const own = readinessProbe.terminationGracePeriodSeconds;
    if (own !== undefined) {
      const where = at.child('readinessProbe', 'terminationGracePeriodSeconds');
      errors.push(invalidValue(where, own, 'must not be set for readinessProbes'));
    }
  }
  return errors;
}
