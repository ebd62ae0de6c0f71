import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { quickUrl } from './quick-resolve.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const IMPORT = /^(?:import|export)\s[^;]*?from '([^']+)';/gms;

test('every import of src/ is found where Node finds it', () => {
  const { imports } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
    imports: Readonly<Record<string, string>>;
  };
  let found = 0;
  for (const file of globSync('src/**/*.ts', { cwd: ROOT, exclude: ['**/*.test.ts'] })) {
    const parent = pathToFileURL(`${ROOT}${file}`).href;
    for (const [, specifier = ''] of readFileSync(`${ROOT}${file}`, 'utf8').matchAll(IMPORT)) {
      const [module = ''] = specifier.split('/');
      const mapped = imports[`${module}/*`];
      // Test kits lie under src/ too, and import what is outside it.
      if (mapped !== undefined && !mapped.startsWith('./src/')) continue;
      if (mapped === undefined && !specifier.startsWith('.')) {
        assert.equal(quickUrl(specifier, parent), undefined, specifier);
        continue;
      }
      const expected =
        mapped === undefined
          ? new URL(specifier, parent)
          : new URL(mapped.replace('*', specifier.slice(module.length + 1)), `file://${ROOT}`);
      assert.ok(existsSync(expected), `${specifier} of ${file}`);
      assert.equal(quickUrl(specifier, parent), expected.href);
      found++;
    }
  }
  assert.ok(found > 1000, String(found));
});

test('what others import is left to Node', () => {
  const own = import.meta.url;
  assert.equal(quickUrl('node:fs', own), undefined);
  assert.equal(quickUrl('commander', own), undefined);
  assert.equal(quickUrl('./data.json', own), undefined);
  assert.equal(quickUrl('./a.ts', 'file:///elsewhere/b.ts'), undefined);
  assert.equal(quickUrl('#api/a.ts', pathToFileURL(`${ROOT}test/kit/b.ts`).href), undefined);
});
