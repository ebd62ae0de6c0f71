import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { GAP_MAX_MS, LogSync, SLOW_MS, SYNCS_MAX } from './log-sync.ts';

describe('syncs of the log', () => {
  let nowMs: number;
  let tookMs: number;
  let ends: ((error: Error | null) => void)[];
  let events: string[];
  let timers: { readonly ms: number; readonly done: () => void }[];
  let sync: LogSync;

  beforeEach(() => {
    nowMs = 0;
    tookMs = SLOW_MS;
    ends = [];
    events = [];
    timers = [];
    const log = {
      syncNow: () => {
        nowMs += tookMs;
        events.push('synced');
      },
      sync: (done: (error: Error | null) => void) => ends.push(done),
    };
    sync = new LogSync({
      log,
      nowMs: () => nowMs,
      wait: (ms, done) => timers.push({ ms, done }),
      onRoom: () => events.push('room'),
    });
  });

  const commit = (name: string): void => sync.after(() => events.push(name));

  test('are waited for while they are quick', () => {
    tookMs = SLOW_MS - 1;
    commit('a');
    commit('b');
    assert.deepEqual(events, ['synced', 'a', 'synced', 'b']);
    assert.equal(sync.isSlow, false);
  });

  test('go on beside the work once one was slow, up to a limit', () => {
    commit('a');
    assert.equal(sync.isSlow, true);
    for (let i = 0; i < SYNCS_MAX; i++) {
      nowMs += SLOW_MS;
      assert.equal(sync.hasRoom(), true);
      commit(`${i}`);
    }
    nowMs += SLOW_MS;
    assert.equal(sync.hasRoom(), false);
    assert.deepEqual(timers, [], 'the end of a sync makes room, not time');
    assert.deepEqual(events, ['synced', 'a']);
    ends[0]?.(null);
    assert.equal(sync.hasRoom(), true);
    assert.deepEqual(events, ['synced', 'a', '0', 'room']);
  });

  test('begin at even distances on a slow disk, and a timer tells when', () => {
    tookMs = 10 * SYNCS_MAX;
    commit('a');
    nowMs += 100;
    assert.equal(sync.hasRoom(), true);
    commit('b');
    nowMs += 4;
    assert.equal(sync.hasRoom(), false);
    assert.equal(sync.hasRoom(), false);
    assert.deepEqual(
      timers.map(({ ms }) => ms),
      [6],
      'one timer for all that ask',
    );
    events = [];
    nowMs += 6;
    timers[0]?.done();
    assert.deepEqual(events, ['room']);
    assert.equal(sync.hasRoom(), true);
    commit('c');
    assert.equal(sync.hasRoom(), false);
    assert.equal(timers[1]?.ms, 10);
  });

  test('are not far from each other after a disk that stood still', () => {
    tookMs = 60_000;
    commit('a');
    nowMs += 100;
    commit('b');
    assert.equal(sync.hasRoom(), false);
    assert.equal(timers[0]?.ms, GAP_MAX_MS);
  });

  test('are told of in the order of commits: one covers all before it', () => {
    commit('a');
    for (const name of ['b', 'c', 'd']) commit(name);
    events = [];
    ends[1]?.(null);
    assert.deepEqual(events, ['b', 'c', 'room']);
    ends[0]?.(null);
    ends[2]?.(null);
    assert.deepEqual(events, ['b', 'c', 'room', 'room', 'd', 'room']);
  });

  test('are waited for again when they have become quick, and none is under way', () => {
    commit('a');
    commit('b');
    commit('c');
    tookMs = 0;
    ends[0]?.(null);
    assert.equal(sync.isSlow, false);
    events = [];
    commit('d');
    assert.deepEqual(events, [], 'c comes first');
    ends[1]?.(null);
    ends[2]?.(null);
    commit('e');
    assert.deepEqual(events, ['c', 'room', 'd', 'room', 'synced', 'e']);
  });

  test('that fail are thrown, and nothing is told', () => {
    commit('a');
    commit('b');
    events = [];
    assert.throws(() => ends[0]?.(new Error('EIO')), /EIO/);
    assert.deepEqual(events, []);
  });
});
