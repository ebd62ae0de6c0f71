/** `npm run bench -- start`: how long it takes until a cluster is there, what it costs at rest, how fast it fills. */
import type { Measurement } from './rounds.ts';
import { COLD_START } from './start/cold-start.ts';
import { DEPLOYMENT_OF_500 } from './start/deployment.ts';
import { IDLE } from './start/idle.ts';
import { REAL_PODS } from './start/real-pods.ts';
import { RESTART } from './start/restart.ts';

/** In the order in which they are run. */
export const START: readonly Measurement[] = [
  COLD_START,
  RESTART,
  IDLE,
  DEPLOYMENT_OF_500,
  REAL_PODS,
];
