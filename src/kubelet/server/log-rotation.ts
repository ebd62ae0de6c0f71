/**
 * Keeps the logs of containers from filling the disk: what is too long is put aside, and the
 * runtime asked to open a new file; of those put aside only the newest stay.
 *
 * Upstream: pkg/kubelet/logs/container_log_manager.go, v1.36. Ours does not compress them.
 */
import type { FileSystem } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { quantityValue } from '#api/codec/quantity.ts';
import { milliseconds } from '../config/durations.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import type { Cri } from '../cri/cri.ts';
import type { ObservedContainer, ObservedPod } from '../pod/observed.ts';

export interface LogRotationOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly cri: Cri;
  readonly pods: () => readonly ObservedPod[];
  readonly configuration: LogLimits;
}

/** How long logs get, and how often and by how many at a time they are looked at. */
type LogLimits = Pick<
  KubeletConfiguration,
  | 'containerLogMaxSize'
  | 'containerLogMaxFiles'
  | 'containerLogMaxWorkers'
  | 'containerLogMonitorInterval'
>;

/** Runs until `signal` is aborted. */
export async function rotateLogs(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  const { environment, pods, configuration } = options;
  const lookMs = milliseconds(configuration.containerLogMonitorInterval);
  while (!signal.aborted) {
    await sleep(environment, lookMs, signal);
    if (signal.aborted) return;
    const running = pods().flatMap(({ containers }) =>
      containers.filter(({ state, logPath }) => state === 'running' && logPath !== ''),
    );
    const worker = async (): Promise<void> => {
      for (let next = running.shift(); next !== undefined; next = running.shift()) {
        const { name } = next;
        await rotate(options, next).catch((error: unknown) => {
          environment.log.warn('cannot rotate log', { container: name, error: String(error) });
        });
      }
    };
    await Promise.all(Array.from({ length: configuration.containerLogMaxWorkers }, worker));
  }
}

async function rotate(
  { environment, fileSystem, cri, configuration }: LogRotationOptions,
  { id, logPath }: ObservedContainer,
): Promise<void> {
  const stat = await fileSystem.stat(logPath);
  if (stat === undefined || stat.size < quantityValue(configuration.containerLogMaxSize)) return;
  const slash = logPath.lastIndexOf('/');
  const directory = logPath.slice(0, slash);
  const prefix = `${logPath.slice(slash + 1)}.`;
  const names = await fileSystem.list(directory);
  const old = names.filter((name) => name.startsWith(prefix)).toSorted();
  // One more is about to be put aside, and one is written to.
  for (const name of old.slice(
    0,
    Math.max(0, old.length - (configuration.containerLogMaxFiles - 2)),
  )) {
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
