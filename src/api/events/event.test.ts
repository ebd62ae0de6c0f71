import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '#api/gen/events-v1.ts';
import { changed, createErrors, updateErrors } from '../kind-test-kit.ts';
import { EVENTS_EVENT, fromCoreEvent, toCoreEvent } from './event.ts';

const EVENT: Event = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: 'web.1', namespace: 'default' },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'controller-1',
  action: 'Start',
  reason: 'Started',
  regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
  note: 'it runs',
  type: 'Normal',
};

describe('an Event of events.k8s.io/v1', () => {
  it('is stored by the names of core/v1', () => {
    const core = toCoreEvent(EVENT);
    assert.equal(core.apiVersion, 'v1');
    assert.equal(core.message, 'it runs');
    assert.equal(core.involvedObject.name, 'web');
    assert.equal(core.reportingComponent, 'example.com/controller');
  });

  it('comes back as it was', () => assert.deepEqual(fromCoreEvent(toCoreEvent(EVENT)), EVENT));

  it('is strict about what is new', () => {
    assert.deepEqual(createErrors(EVENTS_EVENT, EVENT), []);
    const TABLE: readonly (readonly [string, unknown, string])[] = [
      ['reportingController', undefined, 'reportingController: Required value'],
      ['action', 'a'.repeat(129), 'action: Invalid value: "": can have at most 128 characters'],
      ['type', 'Odd', 'type: Invalid value: "": has invalid value: Odd'],
      ['deprecatedCount', 2, 'count: Invalid value: "": needs to be unset'],
      ['eventTime', undefined, 'eventTime: Required value'],
      ['series', { count: 1 }, 'series.count: Invalid value: "": should be at least 2'],
    ];
    for (const [field, value, message] of TABLE) {
      const errors = createErrors(EVENTS_EVENT, changed(EVENT, field, value));
      assert.ok(errors.includes(message), `${field}: ${errors.join('\n')}`);
    }
  });

  it('lets only its series change', () => {
    const series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' };
    assert.deepEqual(updateErrors(EVENTS_EVENT, { ...EVENT, series }, EVENT), []);
    assert.deepEqual(updateErrors(EVENTS_EVENT, { ...EVENT, note: 'other' }, EVENT), [
      'message: Invalid value: "other": field is immutable',
    ]);
  });
});
