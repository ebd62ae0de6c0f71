/**
 * Keeps the logs of containers from filling the disk: what is too long is put aside, and the
 * runtime asked to open a new file; of those put aside only the newest stay.
 *
 * Upstream: pkg/kubelet/logs/container_log_manager.go, v1.36 (10 MiB, 5 files, looked at every 10
 * seconds). Ours does not compress them.
 */
import type { FileSystem } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Cri } from '../cri/cri.ts';
import type { ObservedContainer, ObservedPod } from '../pod/observed.ts';

const LOOK_MS = 10_000;
export const LOG_BYTES_MAX = 10 * 1024 * 1024;
/** The one that is written to, and those put aside. */
export const LOG_FILES_MAX = 5;

export interface LogRotationOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly cri: Cri;
  readonly pods: () => readonly ObservedPod[];
}

/** Runs until `signal` is aborted. */
export async function rotateLogs(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  const { environment, pods } = options;
  while (!signal.aborted) {
    await sleep(environment, LOOK_MS, signal);
    if (signal.aborted) return;
    const running = pods().flatMap(({ containers }) =>
      containers.filter(({ state, logPath }) => state === 'running' && logPath !== ''),
    );
    for (const container of running) {
      await rotate(options, container).catch((error: unknown) => {
        const values = { container: container.name, error: String(error) };
        environment.log.warn('cannot rotate log', values);
      });
    }
  }
}

async function rotate(
  { environment, fileSystem, cri }: LogRotationOptions,
  { id, logPath }: ObservedContainer,
): Promise<void> {
  const stat = await fileSystem.stat(logPath);
  if (stat === undefined || stat.size < LOG_BYTES_MAX) return;
  const slash = logPath.lastIndexOf('/');
  const directory = logPath.slice(0, slash);
  const prefix = `${logPath.slice(slash + 1)}.`;
  const names = await fileSystem.list(directory);
  const old = names.filter((name) => name.startsWith(prefix)).toSorted();
  // One more is about to be put aside, and one is written to.
  for (const name of old.slice(0, Math.max(0, old.length - (LOG_FILES_MAX - 2)))) {
    await fileSystem.remove(`${directory}/${name}`);
  }
  const stamp = new Date(environment.clock.now()).toISOString().replace(/[-:]|\.\d+Z/g, '');
  const aside = `${logPath}.${stamp.replace('T', '-')}`;
  await fileSystem.rename(logPath, aside);
  try {
    await cri.call('reopenContainerLog', { containerId: id });
  } catch (error) {
    // The runtime goes on writing to the file that it has open: give it its name back.
    await fileSystem.rename(aside, logPath);
    throw error;
  }
}
