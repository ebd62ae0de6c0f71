/**
 * Event, events.k8s.io/v1: the same objects as core/v1 Events, by newer names.
 *
 * Source: upstream pkg/apis/events/v1/conversion.go.
 */
import type { Event as CoreEvent } from '#api/gen/core-v1.ts';
import type { Event } from '#api/gen/events-v1.ts';
import { EVENT, EVENT_FIELDS, EVENT_TTL_SECONDS } from '../core/event.ts';
import { defineKind } from '../kind.ts';
import type { KubeObject } from '../meta/object.ts';
import {
  validateNewEvent,
  validateNewEventCreate,
  validateNewEventUpdate,
} from '../validation/event.ts';

/** Copies `from[name]` to `to[renamed]` for each pair, where it is there. */
function rename(
  source: object,
  names: readonly (readonly [string, string])[],
): Record<string, unknown> {
  const members = new Map(Object.entries(source));
  for (const [from, to] of names) {
    if (!members.has(from)) continue;
    members.set(to, members.get(from));
    members.delete(from);
  }
  return Object.fromEntries(members);
}

/** events.k8s.io/v1 names and core/v1 names. */
const NAMES: readonly (readonly [string, string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];
const BACK = NAMES.map(([modern, core]) => [core, modern] as const);

/** A core/v1 Event of an events.k8s.io/v1 one. */
export function toCoreEvent(event: KubeObject): CoreEvent {
  const core = rename(event, NAMES);
  return {
    involvedObject: {},
    reportingComponent: '',
    reportingInstance: '',
    ...core,
    kind: 'Event',
    apiVersion: 'v1',
  };
}

/** An events.k8s.io/v1 Event of a core/v1 one. */
export function fromCoreEvent(event: KubeObject): Event {
  return { ...rename(event, BACK), kind: 'Event', apiVersion: 'events.k8s.io/v1' } as Event;
}

const regarding = Object.entries(EVENT_FIELDS)
  .filter(([name]) => name !== 'source')
  .map(
    ([name, value]) =>
      [
        name
          .replace('involvedObject.', 'regarding.')
          .replace('reportingComponent', 'reportingController'),
        (event: Event) => value(toCoreEvent(event)),
      ] as const,
  );

export const EVENTS_EVENT = defineKind<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  uncached: true,
  schema: 'io.k8s.api.events.v1.Event',
  storedAs: {
    group: EVENT.group,
    version: EVENT.version,
    schema: EVENT.schema,
    toStored: toCoreEvent,
    fromStored: fromCoreEvent,
  },
  timeToLiveSeconds: EVENT_TTL_SECONDS,
  countsGeneration: false,
  hasNoDependents: true,
  createOnUpdate: true,
  unconditionalUpdate: true,
  selectableFields: Object.fromEntries(regarding),
  columns: (EVENT.columns ?? []).map((column) => ({
    ...column,
    cell: (event: Event, nowMs: number) => column.cell(toCoreEvent(event), nowMs),
  })),
  validate: (event) => validateNewEvent(toCoreEvent(event)),
  validateCreate: (event) => validateNewEventCreate(toCoreEvent(event)),
  validateUpdate: (next, old) => validateNewEventUpdate(toCoreEvent(next), toCoreEvent(old)),
});
