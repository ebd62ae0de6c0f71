import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStore } from '../conformance.ts';
import { silentLog } from './test-kit.ts';
import { openSqliteStore } from './sqlite-store.ts';

describeStore('sqlite', async (time, context) => {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  const store = await openSqliteStore({
    directory,
    environment: { clock: time.clock, timers: time.timers, log: silentLog },
  });
  context.after(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  return store;
});
