/**
 * What each component carries along, through all that it imports: no module beyond its layer, and
 * no npm package that is not listed. A new package is a decision: list it here, with the change
 * that brings it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LAYERS } from '../../layers.ts';
import { bundleOf } from './bundle.ts';
import { isForTests, moduleOf, sourceFiles } from './source-files.ts';

interface Component {
  readonly module: string;
  /** The files by which the command line, or a program of its own, starts it. */
  readonly entries: readonly string[];
  readonly packages: readonly string[];
}

const COMPONENTS: readonly Component[] = [
  {
    module: 'client',
    entries: ['rest.ts', 'informer-factory.ts', 'events.ts', 'leader-election.ts'],
    packages: [],
  },
  { module: 'reconcile', entries: ['manager.ts'], packages: [] },
  { module: 'controllers', entries: ['index.ts'], packages: [] },
  { module: 'scheduler', entries: ['scheduler.ts'], packages: [] },
  { module: 'why', entries: ['explain.ts'], packages: [] },
  // Manifests of static pods are YAML.
  {
    module: 'kubelet',
    entries: ['kubelet.ts', 'simulated/simulated-nodes.ts'],
    packages: ['js-yaml'],
  },
  { module: 'proxy', entries: ['proxy.ts'], packages: [] },
  { module: 'network-policy', entries: ['enforcer.ts'], packages: [] },
  { module: 'pod-network', entries: ['pod-network.ts'], packages: [] },
  {
    module: 'load-balancer',
    entries: ['controller.ts', 'announcer.ts', 'pools.ts'],
    packages: [],
  },
  { module: 'dns', entries: ['server.ts', 'resolv-conf.ts'], packages: [] },
  { module: 'store', entries: ['memory.ts', 'sqlite/sqlite-store.ts'], packages: [] },
  // Bodies, patches and answers may be YAML.
  { module: 'apiserver', entries: ['server.ts'], packages: ['@noble/ciphers', 'js-yaml'] },
  { module: 'plan', entries: ['plan.ts'], packages: ['@noble/ciphers', 'js-yaml'] },
  { module: 'cli', entries: ['main.ts'], packages: ['@noble/ciphers', 'commander', 'js-yaml'] },
];

describe('bundles', () => {
  const files = new Map(sourceFiles().map(({ path, text }) => [path, text]));
  for (const { module, entries, packages } of COMPONENTS) {
    const bundle = bundleOf(
      entries.map((entry) => `src/${module}/${entry}`),
      files,
    );
    it(`${module} carries no module beyond its layer`, () => {
      const allowed = [module, ...(LAYERS[module] ?? [])];
      const beyond = [...bundle.files].filter(
        (path) => !allowed.includes(moduleOf(path)) || isForTests(path),
      );
      assert.deepEqual(beyond, []);
    });
    it(`${module} needs ${packages.length === 0 ? 'no package' : packages.join(' and ')}`, () => {
      assert.deepEqual([...bundle.packages].toSorted(), packages);
    });
  }

  it('are looked at for every module that is no library', () => {
    const libraries = ['base', 'cel', 'api', 'edge'];
    assert.deepEqual(
      [...COMPONENTS.map(({ module }) => module), ...libraries].toSorted(),
      Object.keys(LAYERS).toSorted(),
    );
  });

  it('follows imports of every form, and none of types', () => {
    const tree = new Map([
      ['src/a/a.ts', "import { b } from './b.ts';\nimport type { T } from 'types';"],
      ['src/a/b.ts', "export { c } from '#c/c.ts';\nawait import('./d.ts');"],
      ['src/a/d.ts', "new Worker(new URL('./e.ts', import.meta.url));\nimport './b.ts';"],
      ['src/a/e.ts', "import {\n  type x,\n} from '@s/p/deep.js';\nimport fs from 'node:fs';"],
      ['src/c/c.ts', "import yaml from 'yaml';\nexport type { T } from 'others';"],
    ]);
    const bundle = bundleOf(['src/a/a.ts'], tree);
    assert.deepEqual([...bundle.files].toSorted(), [...tree.keys()].toSorted());
    assert.deepEqual([...bundle.packages].toSorted(), ['@s/p', 'yaml']);
  });

  it('refuses an import of a file that is not there', () => {
    assert.throws(() => bundleOf(['src/a.ts'], new Map()), /Cannot follow imports to src\/a\.ts/);
  });
});
