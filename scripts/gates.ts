/** What must hold, as steps. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { type Step, tool } from './steps.ts';

export function checks(): Step[] {
  return [
    { name: 'format', command: tool('biome'), args: ['format', '.'] },
    { name: 'lint', command: tool('oxlint'), args: ['--type-aware', '--quiet'] },
    { name: 'types', command: tool('tsc'), args: ['--noEmit', '-p', '.'] },
    { name: 'dead code', command: tool('knip'), args: [] },
  ];
}

/** These start the product, and take their time: not for the gate before each commit. */
const OF_THE_PRODUCT = /^test\/(e2e|kill|clients\/client-go)/;

/** What differs most from one containerd to another; the others are for `npm run test:containerd`. */
const OF_THE_RUNTIME = [
  'src/kubelet/kubelet.real.test.ts',
  'test/e2e/image-volume.real.test.ts',
  'test/e2e/registry.real.test.ts',
];

/**
 * Tests that need root, Linux and real containers are named `*.real.test.ts`. `real`: those too, and
 * all that start the product.
 */
export function tests(options: { seeds: number; real: boolean }): Step[] {
  const unit = globSync('{bench,bin,scripts,src,test}/**/*.test.ts')
    .filter((path) => !path.endsWith('.real.test.ts'))
    .filter((path) => options.real || !OF_THE_PRODUCT.test(path))
    .sort();
  const real = globSync(['src/**/*.real.test.ts', 'test/**/*.real.test.ts']).sort();
  const environment = { COXSWAIN_SIM_SEEDS: String(options.seeds) };
  const steps: Step[] = [
    {
      name: 'tests',
      command: process.execPath,
      args: [join(import.meta.dirname, 'tests', 'main.ts'), ...unit],
      environment,
    },
  ];
  if (options.real && real.length > 0) {
    steps.push({
      name: 'tests with real containers',
      command: process.execPath,
      args: [join(import.meta.dirname, 'tests', 'main.ts'), '--own-network', ...real],
      environment,
    });
    steps.push({
      name: 'tests on a newer containerd',
      command: process.execPath,
      args: [join(import.meta.dirname, 'containerd.ts'), '--or-skip', ...OF_THE_RUNTIME],
      environment,
    });
  }
  return steps;
}
