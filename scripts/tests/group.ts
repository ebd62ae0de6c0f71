/** Runs the files of tests that its arguments name, all in this process, one after the other. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { describe } from 'node:test';

const require = createRequire(import.meta.url);

// Loaded while its suite is made, so that its hooks are the suite's and not every file's.
for (const file of process.argv.slice(2))
  void describe(file, () => {
    require(resolve(file));
  });
