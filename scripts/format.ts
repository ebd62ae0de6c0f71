/** `npm run format`: writes every file as the formatter wants it. */
import { runSteps, tool } from './steps.ts';

runSteps([{ name: 'format', command: tool('biome'), args: ['format', '--write', '.'] }]);
