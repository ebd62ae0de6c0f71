import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blame } from './chaos.ts';

describe('blame', () => {
  const kills = [
    { way: 'node', beganMs: 1000, endedMs: 1010 },
    { way: 'delete', beganMs: 6000, endedMs: 6300 },
  ] as const;
  const cases = [
    { title: 'before all kills', beganMs: 10, endedMs: 999, way: 'nothing', afterMs: 10 },
    { title: 'under way when it came', beganMs: 900, endedMs: 1000, way: 'node', afterMs: 0 },
    { title: 'begun after it', beganMs: 1510, endedMs: 1600, way: 'node', afterMs: 500 },
    { title: 'of the nearest', beganMs: 6800, endedMs: 11_800, way: 'delete', afterMs: 500 },
    { title: 'during a kill', beganMs: 6200, endedMs: 6250, way: 'delete', afterMs: 0 },
  ] as const;
  for (const { title, way, afterMs, ...span } of cases)
    it(title, () => {
      assert.deepEqual(blame({ error: 'refused', ...span }, kills), {
        error: 'refused',
        way,
        afterMs,
      });
    });
});
