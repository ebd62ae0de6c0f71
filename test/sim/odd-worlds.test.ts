/** The worlds of odd seeds. */
import { describeWorlds } from './worlds.ts';

describeWorlds(1);
