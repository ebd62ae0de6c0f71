/**
 * Events. What core/v1 takes is little; events.k8s.io/v1 is strict, and lets only the series change.
 *
 * Source: upstream pkg/apis/core/validation/events.go. All functions take the core/v1 form.
 */
import type { Event } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { type FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';
import { isDns1123Subdomain } from '../meta/names.ts';
import { qualifiedName } from './common.ts';
import { immutable, invalidAll } from './metadata.ts';

const LENGTH_MAX = 128;
const MESSAGE_MAX = 1024;

function atMost(field: string, value: string | undefined, max: number): FieldError[] {
  if (Buffer.byteLength(value ?? '') <= max) return [];
  return [invalidValue(field, '', `can have at most ${max} characters`)];
}

/** Needed, and not too long. */
function shortText(field: string, value: string | undefined): FieldError[] {
  return [...(value ? [] : [required(field)]), ...atMost(field, value, LENGTH_MAX)];
}

function validateNamespace({ metadata, involvedObject, eventTime }: Event): FieldError[] {
  const own = metadata?.namespace ?? '';
  const namespace = involvedObject?.namespace ?? '';
  const allowed = eventTime
    ? namespace !== '' || own === 'default' || own === 'kube-system'
    : namespace === own || (namespace === '' && own === 'default');
  if (allowed) return [];
  const at = fieldPath('involvedObject').child('namespace');
  return [invalidValue(at, namespace, 'does not match event.namespace')];
}

function validate(event: Event, controllerField: string): FieldError[] {
  const errors = validateNamespace(event);
  if (event.eventTime) {
    const controller = event.reportingComponent ?? '';
    const { reportingInstance, action, reason, message } = event;
    if (controller === '') errors.push(required(controllerField));
    errors.push(
      ...qualifiedName(controller, fieldPath(controllerField)),
      ...shortText('reportingInstance', reportingInstance),
      ...shortText('action', action),
      ...shortText('reason', reason),
      ...atMost('message', message, MESSAGE_MAX),
    );
  }
  const namespace = event.metadata?.namespace ?? '';
  return [
    ...errors,
    ...invalidAll(fieldPath('namespace'), namespace, isDns1123Subdomain(namespace)),
  ];
}

/** Writes by core/v1. */
export const validateEvent = (event: Event): FieldError[] => validate(event, 'reportingComponent');

/** Writes by events.k8s.io/v1. */
export const validateNewEvent = (event: Event): FieldError[] =>
  validate(event, 'reportingController');

function validateSeries({ series }: Event): FieldError[] {
  if (series === undefined) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalidValue('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ];
}

/** Beyond `validateNewEvent`: creates by events.k8s.io/v1. */
export function validateNewEventCreate(event: Event): FieldError[] {
  const errors = validateSeries(event);
  if (!event.eventTime) errors.push(required('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(invalidValue('type', '', `has invalid value: ${event.type ?? ''}`));
  }
  const { firstTimestamp, lastTimestamp, count, source } = event;
  const old = { firstTimestamp, lastTimestamp, count, source: source?.component || source?.host };
  for (const [field, value] of Object.entries(old)) {
    if (value) errors.push(invalidValue(field, '', 'needs to be unset'));
  }
  return errors;
}

/** Fields that stay, with the names that messages give them. */
const REFERENCE = 'io.k8s.api.core.v1.ObjectReference';
const FIXED: readonly (readonly [keyof Event, string, (`io.k8s.${string}` | 'text')?])[] = [
  ['involvedObject', 'involvedObject', REFERENCE],
  ['reason', 'reason', 'text'],
  ['message', 'message', 'text'],
  ['source', 'source', 'io.k8s.api.core.v1.EventSource'],
  ['firstTimestamp', 'firstTimestamp'],
  ['lastTimestamp', 'lastTimestamp'],
  ['count', 'count'],
  ['type', 'type', 'text'],
  ['eventTime', 'eventTime'],
  ['action', 'action', 'text'],
  ['related', 'related', REFERENCE],
  ['reportingComponent', 'reportingController', 'text'],
  ['reportingInstance', 'reportingInstance', 'text'],
];

/** Beyond `validateNewEvent`: updates by events.k8s.io/v1. */
export function validateNewEventUpdate(next: Event, old: Event): FieldError[] {
  return [
    ...(equalValues(next.series, old.series) ? [] : validateSeries(next)),
    ...FIXED.flatMap(([field, name, type]) =>
      immutable(next[field], old[field], fieldPath(name), type),
    ),
  ];
}
