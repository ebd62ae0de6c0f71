/** Event, core/v1: the version that is stored. Upstream: pkg/registry/core/event/strategy.go. */
import type { Event } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { column, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import { timeSince } from '../meta/duration.ts';
import { nameIsPathSegment } from '../meta/names.ts';
import { validateEvent } from '../validation/event.ts';

function firstSeen(event: Event, nowMs: number): string {
  return timeSince(event.firstTimestamp ?? event.eventTime, nowMs);
}

function lastSeen(event: Event, nowMs: number): string {
  if (event.series !== undefined) return timeSince(event.series.lastObservedTime, nowMs);
  return event.lastTimestamp ? timeSince(event.lastTimestamp, nowMs) : firstSeen(event, nowMs);
}

function target({ involvedObject }: Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
}

function source({ source: from, reportingComponent, reportingInstance }: Event): string {
  const component = from?.component || reportingComponent || '';
  const instance = from?.host || reportingInstance || '';
  return instance === '' ? component : `${component}, ${instance}`;
}

/** Field selectors of events, by core/v1's names. */
export const EVENT_FIELDS: Readonly<Record<string, (event: Event) => string>> = {
  'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
  'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
  'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
  'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
  'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
  'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
  'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
  reason: (event) => event.reason ?? '',
  reportingComponent: (event) => event.reportingComponent ?? '',
  source: (event) => event.source?.component || event.reportingComponent || '',
  type: (event) => event.type ?? '',
};

/** The default of upstream's `--event-ttl`. */
export const EVENT_TTL_SECONDS = 3600;

export const EVENT = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  uncached: true,
  schema: 'io.k8s.api.core.v1.Event',
  timeToLiveSeconds: EVENT_TTL_SECONDS,
  countsGeneration: false,
  hasNoDependents: true,
  hasFreeFinalizers: true,
  validateName: nameIsPathSegment,
  createOnUpdate: true,
  unconditionalUpdate: true,
  selectableFields: EVENT_FIELDS,
  columns: [
    column('Last Seen', lastSeen),
    column('Type', (event) => event.type ?? ''),
    column('Reason', (event) => event.reason ?? ''),
    column('Object', target),
    wideColumn('Subobject', (event) => event.involvedObject?.fieldPath ?? ''),
    wideColumn('Source', source),
    column('Message', (event) => (event.message ?? '').trim()),
    wideColumn('First Seen', firstSeen),
    wideColumn('Count', (event) =>
      event.series === undefined ? event.count || 1 : (event.series.count ?? 0),
    ),
    { ...NAME_COLUMN, priority: 1 },
  ],
  validate: validateEvent,
});
