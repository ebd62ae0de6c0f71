/** `npm test`: all of `npm run ok`, 15 seeds, and the real thing: containers, kubectl. */
import { join } from 'node:path';
import { checks, tests } from './gates.ts';
import { runSteps } from './steps.ts';

const setUp = {
  name: 'set-up',
  command: process.execPath,
  args: [join(import.meta.dirname, 'set-up.ts')],
};

runSteps([setUp, ...checks(), ...tests({ seeds: 15, real: true })]);
