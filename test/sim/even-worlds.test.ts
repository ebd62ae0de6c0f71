/** The worlds of even seeds. */
import { describeWorlds } from './worlds.ts';

describeWorlds(2);
