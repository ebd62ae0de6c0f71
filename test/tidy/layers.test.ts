/** The architecture holds: no import disagrees with `layers.ts`. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { LAYERS, PEERS } from '../../layers.ts';
import { importsOf, moduleOf, sourceFiles } from './source-files.ts';

/** Names the imports of one file that the layer table forbids. */
export function layerViolations(path: string, text: string): string[] {
  const isTest = path.endsWith('.test.ts');
  const from = moduleOf(path);
  const allowed = [from, ...(LAYERS[from] ?? [])];
  return importsOf(text).flatMap((target) => {
    if (target.startsWith('#')) {
      const to = target.slice(1, target.indexOf('/'));
      return isTest || allowed.includes(to)
        ? []
        : [`${path}: src/${from} may not import src/${to}`];
    }
    if (!target.startsWith('.')) return [];
    const resolved = join(dirname(path), target);
    if (!resolved.startsWith(`src/${from}/`))
      return isTest ? [] : [`${path}: write ${target} as #module/…`];
    const peer = PEERS.includes(dirname(path)) && dirname(path) === dirname(resolved);
    const isList = /\/(index|order)\.ts$/.test(path);
    return peer && !isTest && !isList ? [`${path}: ${target} is a peer`] : [];
  });
}

describe('layers', () => {
  it('every module under src/ is in the table, and every module of the table is there', () => {
    const modules = [...new Set(sourceFiles().map(({ path }) => moduleOf(path)))].sort();
    assert.deepEqual(modules, Object.keys(LAYERS).sort());
  });

  it('the table has no cycle', () => {
    const visit = (module: string, above: readonly string[]): void => {
      assert.ok(!above.includes(module), `cycle: ${[...above, module].join(' → ')}`);
      for (const below of LAYERS[module] ?? []) visit(below, [...above, module]);
    };
    for (const module of Object.keys(LAYERS)) visit(module, []);
  });

  it('no file imports what its module may not', () => {
    assert.deepEqual(
      sourceFiles().flatMap(({ path, text }) => layerViolations(path, text)),
      [],
    );
  });

  const rows: [path: string, target: string, violation: string][] = [
    ['src/api/core/pod.ts', '#reconcile/x.ts', 'src/api may not import src/reconcile'],
    ['src/kubelet/a.ts', '#store/store.ts', 'src/kubelet may not import src/store'],
    ['src/controllers/job.ts', '../api/core/pod.ts', 'write ../api/core/pod.ts as #module/…'],
    ['src/controllers/job.ts', './cronjob.ts', './cronjob.ts is a peer'],
  ];
  for (const [path, target, violation] of rows) {
    it(`reports ${target} in ${path}`, () => {
      for (const text of [
        `import { x } from '${target}';`,
        `import type {\n  x,\n} from '${target}';`,
        `export { x } from '${target}';`,
      ]) {
        assert.deepEqual(layerViolations(path, text), [`${path}: ${violation}`]);
      }
    });
  }
});
