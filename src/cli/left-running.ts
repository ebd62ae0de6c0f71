/** Processes of a node or a cluster whose supervisor was killed. */
import type { NodeDirectory } from './node-directory.ts';
import { runningPid, type Supervisor } from './supervisor.ts';

const STOP_GRACE_MS = 10_000;

/** Ends what an earlier start left running. */
export async function endLeftRunning(
  { run }: NodeDirectory,
  supervisor: Supervisor,
): Promise<void> {
  for (const name of ['node', 'control-plane', 'containerd'])
    await endProcess(name, { run }, supervisor);
}

/** Ends one process of an earlier start, if it runs. */
export async function endProcess(
  name: string,
  { run }: Pick<NodeDirectory, 'run'>,
  supervisor: Supervisor,
): Promise<void> {
  if (runningPid(run, name) === undefined) return;
  supervisor.start({ name, command: '/bin/false', args: [] });
  await supervisor.stop(name, { graceMs: STOP_GRACE_MS });
}
