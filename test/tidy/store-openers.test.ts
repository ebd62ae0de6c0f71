/** Only the process of an API server opens the store: everything else is a client of it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { importsOf, isForTests, sourceFiles } from './source-files.ts';

const OPENERS = ['src/cli/apiserver/command.ts', 'src/cli/control-plane-process.ts'];

it('a store on disk is opened by the processes of an API server alone', () => {
  const openers = sourceFiles()
    .filter(({ path }) => !isForTests(path) && !path.startsWith('src/store/'))
    .filter(({ text }) => /\bopenSqliteStore\(/.test(text))
    .map(({ path }) => path);
  assert.deepEqual(openers.toSorted(), OPENERS);
  const importers = sourceFiles()
    .filter(({ path }) => path.startsWith('src/') && !isForTests(path))
    .filter(({ text }) => importsOf(text).some((target) => target.startsWith('#store/sqlite/')))
    .map(({ path }) => path);
  assert.deepEqual(
    importers.filter((path) => !OPENERS.includes(path)),
    [],
  );
});
