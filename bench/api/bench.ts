/** What the measurements of the API bench have in common. */
import { usageOf } from '../measure.ts';
import type { Rounds } from '../rounds.ts';
import { during } from '../subject.ts';
import { type Load, startLoad } from './load.ts';
import type { ApiStartOptions, ApiSubject, RunningApi } from './subject.ts';

export interface ApiBench extends Rounds {
  readonly coxswain: ApiSubject;
  readonly upstream: ApiSubject | undefined;
  /** Of a large cluster. */
  readonly pods: number;
}

interface UnderLoad {
  readonly running: RunningApi;
  readonly load: Load;
  /** Processor time that the servers have used so far; 0 of servers that are not ours to look into. */
  readonly cpuSeconds: () => number;
}

/** Does `work` with the subject, started in a directory of its own unless one is given, and a load. */
export async function duringLoad<T>(
  { scope }: Rounds,
  subject: ApiSubject,
  options: Partial<ApiStartOptions>,
  work: (under: UnderLoad) => Promise<T>,
): Promise<T> {
  const directory = options.directory ?? scope.temporaryDirectory();
  const running = await subject.start({ ...options, scope, directory });
  return during(running, async () => {
    const load = startLoad(scope);
    try {
      return await work({
        running,
        load,
        cpuSeconds: () => (running.pids.length === 0 ? 0 : usageOf(running.pids).cpuSeconds),
      });
    } finally {
      await load.stop();
    }
  });
}
