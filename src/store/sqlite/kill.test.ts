import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Store } from '../store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { realTime, silentLog, temporaryDirectory } from './test-kit.ts';

const PROGRAM = fileURLToPath(new URL('./test-writer.ts', import.meta.url));
const ROUNDS = Number(process.env['COXSWAIN_KILL_ROUNDS'] ?? 20);
/** The program lives so long after it has opened the store. */
const LIFE_MAX_MS = 250;

interface Told {
  readonly revision: number;
  readonly key: string;
  readonly value: string;
}

/** Lets the program write, kills it at a random moment, and gives all that it had printed. */
async function writeAndKill(directory: string): Promise<{ opened: number; told: Told[] }> {
  const child = spawn(process.execPath, [PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let opened = 0;
  const told: Told[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [word = '', revision = '', key = '', value] = line.split(' ');
    if (word === 'open') {
      opened = Number(revision);
      setTimeout(() => child.kill('SIGKILL'), Math.random() * LIFE_MAX_MS);
      // A line that the kill cut in two counts for nothing.
    } else if (value !== undefined) told.push({ revision: Number(revision), key, value });
  });
  await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  return { opened, told };
}

async function check(store: Store, { revision, key, value }: Told): Promise<void> {
  const { item } = await store.get(key, { revision });
  const found = item === undefined ? '-' : new TextDecoder().decode(item.value);
  // A value may be cut at its end as the last line of all; what is there must agree.
  assert.ok(found.startsWith(value), `revision ${revision} of ${key}: ${found}, told ${value}`);
  if (item !== undefined) assert.equal(item.modRevision, revision);
}

/** Behind the compaction too: what was told is there, with a time. */
async function checkHistory(store: Store, { revision, key, value }: Told): Promise<void> {
  const before = revision + 1;
  const past = await store.history?.versions(key, { before, limit: 1 });
  const version = past?.versions[0];
  assert.equal(version?.revision, revision);
  assert.ok((version?.timeMs ?? 0) > 0);
  const found = version?.type === 'put' ? new TextDecoder().decode(version.value) : '-';
  assert.ok(found.startsWith(value), `revision ${revision} of ${key}: ${found}, told ${value}`);
}

describe('the SQLite store under SIGKILL', () => {
  it(`loses nothing that was told, history included, and reuses no revision (${ROUNDS} rounds)`, async (t) => {
    const directory = await temporaryDirectory(t);
    let newest = 1;
    const all: Told[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { opened, told } = await writeAndKill(directory);
      assert.equal(opened, newest, 'the store opens where it was');
      const store = await openSqliteStore({
        directory,
        environment: { ...realTime, log: silentLog },
      });
      t.after(() => store.close());
      for (const one of told) {
        assert.ok(one.revision > newest, `revision ${one.revision} was there before`);
        await check(store, one);
      }
      newest = await store.revision();
      assert.ok(told.every(({ revision }) => revision <= newest));
      all.push(...told);
      if (round % 3 === 2) {
        await store.compact(newest);
        for (const one of all) await checkHistory(store, one);
      }
      await store.close();
    }
    assert.ok(all.length > ROUNDS, 'the rounds should write something');
    t.diagnostic(`${ROUNDS} rounds of SIGKILL, ${all.length} writes told of, none lost`);
  });
});
