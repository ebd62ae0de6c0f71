/** `npm run ok`: the gate before every commit: format, lint, types, unit tests, 30 seeds. */
import { checks, tests } from './gates.ts';
import { runSteps } from './steps.ts';

runSteps([...checks(), ...tests({ seeds: 30, real: false })]);
