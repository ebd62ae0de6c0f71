/** `npm run bench -- workloads`: what controllers do, with nodes and pods in number, beside upstream's. */
import type { Measurement } from './rounds.ts';
import { CHURN } from './workloads/churn.ts';
import { GARBAGE_COLLECTION, NAMESPACE_DELETION } from './workloads/deletions.ts';
import { GROWTH } from './workloads/growth.ts';
import { IDLE_CLUSTER } from './workloads/idle.ts';
import { JOB_OF_5000 } from './workloads/job.ts';
import { ROLLOUT } from './workloads/rollout.ts';

/** In the order in which they are run. */
export const WORKLOADS: readonly Measurement[] = [
  ROLLOUT,
  JOB_OF_5000,
  NAMESPACE_DELETION,
  GARBAGE_COLLECTION,
  CHURN,
  IDLE_CLUSTER,
  GROWTH,
];
