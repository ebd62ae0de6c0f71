/** `npm run bench -- api`: the API server on its durable store, beside upstream's and etcd. */
import type { ApiBench } from './api/bench.ts';
import { LARGE_CLUSTER } from './api/large.ts';
import { REQUESTS_UNDER_LOAD } from './api/requests.ts';
import { SLOW_DISK } from './api/slow-disk.ts';
import { WATCH_FAN_OUT } from './api/watches.ts';
import type { Measurement } from './rounds.ts';

/** In the order in which they are run. */
export const API: readonly Measurement<ApiBench>[] = [
  REQUESTS_UNDER_LOAD,
  WATCH_FAN_OUT,
  LARGE_CLUSTER,
  SLOW_DISK,
];
