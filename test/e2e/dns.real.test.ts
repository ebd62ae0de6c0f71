/** Names from inside pods, answered by the DNS of each node. */
import { describe } from 'node:test';
import { answersRecords } from './dns-records.ts';
import { unlessReal } from './needs.ts';
import { startRealCluster } from './real-cluster.ts';

const skip = unlessReal('names from inside pods');

describe('names from inside pods', { skip }, () => {
  answersRecords(() => startRealCluster());
});
