/** A control plane with all its controllers, and nodes for it. */
import { targetOf } from '../api/subject.ts';
import type { Target } from '../api/connection.ts';
import { openCluster, untilNodes } from '../cluster.ts';
import type { Rounds } from '../rounds.ts';
import { during, type Started, type Subject } from '../subject.ts';
import { sleep } from '../wait.ts';
import { type Fleet, type FleetOptions, startFleet } from './fleet.ts';

/** Ranges of 256 addresses for 32,768 nodes. */
const POD_CIDR = '10.128.0.0/9';
/** What the controllers make of new nodes; nothing tells its end. */
const SETTLE_MS = 5_000;
/** Upstream needs two minutes and more for 5,000 on two cores. */
const READY_TIMEOUT_MS = 400_000;

export interface Loaded extends Started {
  readonly target: Target;
  readonly fleet: Fleet;
}

/** Does `work` with the subject in a fresh cluster with nodes that are Ready. */
export async function withNodes<T>(
  { scope }: Rounds,
  subject: Subject,
  options: Omit<FleetOptions, 'directory'>,
  work: (loaded: Loaded) => Promise<T>,
): Promise<T> {
  const directory = scope.temporaryDirectory();
  const cluster = await openCluster(directory, 0, POD_CIDR);
  const running = await subject.start({ scope, directory });
  return during(running, async () => {
    const fleet = await startFleet(scope, { ...options, directory });
    try {
      await untilNodes(running.client, options.nodes, running.failed, READY_TIMEOUT_MS);
      await sleep(SETTLE_MS);
      return await work({ ...running, target: targetOf(cluster), fleet });
    } finally {
      await fleet.stop();
    }
  });
}
