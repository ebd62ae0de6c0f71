/** `npm run ok`: the gate before every commit: format, lint, types, unit tests, 15 seeds. */
import { checks, tests } from './gates.ts';
import { runSteps } from './steps.ts';

runSteps([...checks(), ...tests({ seeds: 15, real: false })]);
