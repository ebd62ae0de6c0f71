/** `npm test`: all of `npm run ok`, 200 seeds, and the real thing: containers, kubectl. */
import { checks, tests } from './gates.ts';
import { runSteps } from './steps.ts';

runSteps([...checks(), ...tests({ seeds: 200, real: true })]);
