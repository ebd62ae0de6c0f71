/** Counting, combining and cutting off events. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '#api/gen/core-v1.ts';
import { alreadyExists, notFound } from '#api/meta/status.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Client } from './client.ts';
import { EventCorrelator } from './event-correlator.ts';
import { EventRecorder } from './events.ts';

const ABOUT = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
};

/** A server that keeps events, and fails as told. */
class Events {
  readonly stored = new Map<string, Event>();
  failures: unknown[] = [];
  patches = 0;
  readonly client = {
    create: (_type: unknown, event: Event) => {
      const failure = this.failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      this.stored.set(event.metadata?.name ?? '', event);
      return Promise.resolve(event);
    },
    patch: (
      _type: unknown,
      target: { name: string },
      _patchType: string,
      patch: Partial<Event>,
    ) => {
      const known = this.stored.get(target.name);
      if (known === undefined)
        return Promise.reject(notFound({ group: '', resource: 'events' }, target.name));
      this.patches += 1;
      const next = { ...known, ...patch };
      this.stored.set(target.name, next);
      return Promise.resolve(next);
    },
  } as unknown as Client;
  rows(): string[] {
    return [...this.stored.values()].map(
      ({ reason, message, count }) => `${reason} ${message} x${count}`,
    );
  }
}

function world({ lingerMs = 0 } = {}): {
  events: Events;
  environment: VirtualEnvironment;
  recorder: EventRecorder;
  say: (message: string) => void;
} {
  const events = new Events();
  const environment = new VirtualEnvironment();
  const recorder = new EventRecorder({
    client: events.client,
    environment,
    component: 'kubelet',
    host: 'n1',
    lingerMs,
  });
  const say = (message: string): void =>
    recorder.event({
      about: ABOUT,
      type: 'Normal',
      reason: 'Pulled',
      message,
      fieldPath: 'spec.containers{main}',
    });
  return { events, environment, recorder, say };
}

describe('EventRecorder', () => {
  it('fills in all that kubectl shows', async () => {
    const { events, environment, say } = world();
    say('hello');
    await environment.runUntilIdle();
    const [event] = [...events.stored.values()];
    const { name, ...metadata } = event?.metadata ?? {};
    assert.match(name ?? '', /^web\.[0-9a-f]{16}$/);
    assert.deepEqual(
      { ...event, metadata },
      {
        metadata: { namespace: 'shop' },
        involvedObject: {
          apiVersion: 'v1',
          kind: 'Pod',
          namespace: 'shop',
          name: 'web',
          uid: 'u1',
          fieldPath: 'spec.containers{main}',
        },
        reason: 'Pulled',
        message: 'hello',
        type: 'Normal',
        count: 1,
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:00:00Z',
        source: { component: 'kubelet', host: 'n1' },
        reportingComponent: 'kubelet',
        reportingInstance: 'n1',
      },
    );
  });

  it('counts what repeats in one object, and keeps its first time', async () => {
    const { events, environment, say } = world();
    say('hello');
    await environment.advance(30_000);
    say('hello');
    await environment.runUntilIdle();
    assert.deepEqual(events.rows(), ['Pulled hello x2']);
    const [event] = [...events.stored.values()];
    assert.deepEqual(
      [event?.firstTimestamp, event?.lastTimestamp],
      ['2026-01-01T00:00:00Z', '2026-01-01T00:00:30Z'],
    );
  });

  it('lets what it tells of come first, as long as it is told to', async () => {
    const { events, environment, say } = world({ lingerMs: 25 });
    say('one');
    await environment.advance(20);
    say('two');
    assert.deepEqual(events.rows(), []);
    await environment.advance(10);
    assert.deepEqual(events.rows(), ['Pulled one x1']);
    await environment.advance(20);
    assert.deepEqual(events.rows(), ['Pulled one x1', 'Pulled two x1']);
  });

  it('goes on counting when the event has expired on the server', async () => {
    const { events, environment, say } = world();
    say('hello');
    await environment.runUntilIdle();
    events.stored.clear();
    say('hello');
    await environment.runUntilIdle();
    assert.deepEqual(events.rows(), ['Pulled hello x2']);
  });

  it('keeps trying while the server cannot be reached, and drops what it refuses', async () => {
    const { events, environment, say } = world();
    events.failures = [new Error('connection refused'), new Error('connection refused')];
    say('late');
    await environment.advance(60_000);
    assert.deepEqual(events.rows(), ['Pulled late x1']);
    events.failures = [alreadyExists({ group: '', resource: 'events' }, 'x')];
    say('refused');
    await environment.advance(60_000);
    assert.deepEqual(events.rows(), ['Pulled late x1']);
  });

  it('tells of an object whose name cannot be the beginning of its own', async () => {
    const { events, environment, recorder } = world();
    for (const name of ['a'.repeat(240), 'system:node']) {
      const about = { ...ABOUT, metadata: { ...ABOUT.metadata, name } };
      recorder.event({ about, type: 'Normal', reason: 'Pulled', message: 'hello' });
    }
    await environment.runUntilIdle();
    assert.equal(events.stored.size, 2);
    for (const [name, { involvedObject }] of events.stored) {
      assert.match(name, /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.match(involvedObject.name ?? '', /^(a{240}|system:node)$/);
    }
  });

  it('drops events when its queue is full', () => {
    const { recorder, say } = world();
    for (let i = 0; i < 1_500; i++) say(`m${i}`);
    assert.equal(recorder.dropped, 499);
  });
});

describe('EventRecorder, of the newer form', () => {
  function series(signal?: AbortSignal) {
    const events = new Events();
    const environment = new VirtualEnvironment();
    const recorder = new EventRecorder({
      client: events.client,
      environment,
      component: 'default-scheduler',
      host: 'n1',
      isSeries: true,
      ...(signal === undefined ? {} : { signal }),
    });
    const say = (message: string, reason = 'FailedScheduling'): void =>
      recorder.event({ about: ABOUT, type: 'Warning', reason, message, action: 'Scheduling' });
    const counts = (): unknown[] => [...events.stored.values()].map((event) => event.series?.count);
    return { events, environment, recorder, say, counts };
  }

  it('says what was done, by whom, and when, and what else it is about', async () => {
    const { events, environment, recorder } = series();
    const related = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'boss', uid: 'u2' } };
    const words = { type: 'Normal', reason: 'Preempted', action: 'Preempting' } as const;
    recorder.event({ about: ABOUT, related, message: 'hello', ...words });
    await environment.runUntilIdle();
    const [{ metadata, ...event } = { metadata: {} }] = [...events.stored.values()];
    assert.equal(metadata?.namespace, 'shop');
    assert.deepEqual(event, {
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u1' },
      related: { apiVersion: 'v1', kind: 'Pod', name: 'boss', uid: 'u2' },
      ...words,
      message: 'hello',
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingComponent: 'default-scheduler',
      reportingInstance: 'default-scheduler-n1',
    });
  });

  it('has one event for what repeats, whatever it says, and writes how often in the end', async () => {
    const { events, environment, say, counts } = series();
    for (const message of ['a', 'b', 'c', 'd']) {
      say(message);
      await environment.advance(1_000);
    }
    assert.deepEqual(counts(), [2]);
    await environment.advance(12 * 60_000);
    const [event] = [...events.stored.values()];
    assert.equal(event?.message, 'a');
    assert.deepEqual(event?.series, {
      count: 4,
      lastObservedTime: '2026-01-01T00:00:03.000000Z',
    });
    assert.equal(events.patches, 2);
    say('a');
    await environment.advance(1);
    assert.deepEqual(counts(), [4, undefined], 'a series that is over is not gone on with');
  });

  it('tells of a series that goes on every half hour', async () => {
    const { environment, say, counts } = series();
    for (let minute = 0; minute < 40; minute++) {
      say('a');
      await environment.advance(60_000);
    }
    assert.deepEqual(counts(), [31]);
  });

  it('keeps apart what happens for other reasons, and what does so much later', async () => {
    const { environment, say, counts } = series();
    say('a');
    say('a', 'Other');
    await environment.advance(7 * 60_000);
    say('a');
    await environment.advance(1);
    assert.deepEqual(counts(), [undefined, undefined, undefined]);
  });

  it('has no timer when it is told to end', async () => {
    const stop = new AbortController();
    const { events, environment, say } = series(stop.signal);
    for (const message of ['a', 'b', 'c']) say(message);
    await environment.advance(1);
    stop.abort();
    assert.equal(environment.nextTimerMs, undefined);
    assert.equal(events.patches, 1, 'the first repetition');
  });
});

describe('EventCorrelator', () => {
  const event = (message: string, reason = 'R'): Event => ({
    metadata: { name: message, namespace: 'shop' },
    involvedObject: { kind: 'Pod', name: 'web', namespace: 'shop', uid: 'u1' },
    source: { component: 'c' },
    reportingComponent: 'c',
    reportingInstance: '',
    reason,
    message,
    type: 'Normal',
    count: 1,
  });

  it('combines the tenth different message of one reason within ten minutes', () => {
    const correlator = new EventCorrelator();
    const messages = Array.from({ length: 11 }, (_, i) => {
      const correlated = correlator.correlate(event(`m${i}`), i);
      if (correlated.kind !== 'drop') correlator.written(correlated.key, correlated.event);
      return correlated.kind === 'drop'
        ? 'drop'
        : `${correlated.kind} ${correlated.event.message} x${correlated.event.count}`;
    });
    assert.equal(messages[8], 'create m8 x1');
    assert.equal(messages[9], 'create (combined from similar events): m9 x1');
    assert.equal(messages[10], 'count (combined from similar events): m10 x2');
  });

  it('starts anew when they are further apart', () => {
    const correlator = new EventCorrelator();
    for (let i = 0; i < 20; i++) {
      const correlated = correlator.correlate(event(`m${i}`), i * 600_001);
      assert.equal(correlated.kind === 'drop' ? '' : correlated.event.message, `m${i}`);
    }
  });

  it('cuts a source off after 25 events, and lets one through every five minutes', () => {
    const correlator = new EventCorrelator();
    const kinds = (count: number, nowMs: number): number =>
      Array.from({ length: count }, () => correlator.correlate(event('same'), nowMs)).filter(
        ({ kind }) => kind !== 'drop',
      ).length;
    assert.equal(kinds(40, 0), 25);
    assert.equal(kinds(5, 299_000), 0);
    assert.equal(kinds(5, 300_000), 1);
  });

  it('cuts off each type of its own', () => {
    const correlator = new EventCorrelator();
    const kindOf = (type: string): string =>
      correlator.correlate({ ...event('same'), type }, 0).kind;
    for (let i = 0; i < 25; i++) assert.notEqual(kindOf('Normal'), 'drop');
    assert.deepEqual([kindOf('Normal'), kindOf('Warning')], ['drop', 'create']);
  });

  it('counts what it cuts off', () => {
    const correlator = new EventCorrelator();
    const correlate = (message: string, nowMs: number): string => {
      const correlated = correlator.correlate(event(message, message), nowMs);
      return correlated.kind === 'drop' ? 'drop' : `${correlated.kind} x${correlated.event.count}`;
    };
    for (let i = 1; i <= 25; i++) correlate('same', 0);
    assert.deepEqual([correlate('same', 0), correlate('other', 0)], ['drop', 'drop']);
    assert.equal(correlate('same', 300_000), 'count x27');
    // The server never had the first: it is made with the count of both.
    assert.equal(correlate('other', 600_000), 'count x2');
  });
});
