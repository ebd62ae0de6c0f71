import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { memoryVariables } from './node-memory.ts';

/** Bytes of young objects that Node has room for with these variables. */
function youngRoom(variables: Readonly<Record<string, string>>): number {
  // Each array outlives the next collection, so that the room grows as far as it may.
  const program = `const v8 = process.getBuiltinModule('node:v8');
    const kept = [];
    let most = 0;
    for (let i = 0; i < 4e6; i++) {
      kept[i % 4e5] = [i];
      if (i % 1e4 === 0)
        most = Math.max(most, v8.getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').space_size);
    }
    console.log(most);`;
  const { PATH = '' } = process.env;
  const { stdout } = spawnSync(process.execPath, ['-e', program], { env: { PATH, ...variables } });
  return Number(String(stdout));
}

describe('the memory of a node', () => {
  it('has room for few young objects, however many there are', () => {
    const room = youngRoom(memoryVariables({}));
    // Two halves of 4 MiB, and at times what goes from one to the other; without limits 32 MiB and more.
    assert.ok(room > 0 && room <= 3 * 4 * 2 ** 20, `${room} bytes`);
  });

  it('is what the user says, where the user says it', () => {
    const given = { NODE_OPTIONS: '--max-semi-space-size=32', MALLOC_ARENA_MAX: '7' };
    assert.deepEqual(memoryVariables(given), {
      NODE_OPTIONS: '--max-semi-space-size=4 --max-semi-space-size=32',
      MALLOC_ARENA_MAX: '7',
    });
  });
});
