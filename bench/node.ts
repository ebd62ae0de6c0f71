/** `npm run bench -- node`: how fast pods with real containers start, and what a kubelet costs. */
import { FLOOR } from './node/floor.ts';
import { IDLE_PODS } from './node/idle-pods.ts';
import { RULES } from './node/rules.ts';
import type { Measurement } from './rounds.ts';
import { REAL_PODS } from './start/real-pods.ts';

/** In the order in which they are run. */
export const NODE_MEASUREMENTS: readonly Measurement[] = [FLOOR, REAL_PODS, IDLE_PODS, RULES];
