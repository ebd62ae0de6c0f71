/**
 * What a container said when it ended: the file it was given for that, or the end of its log.
 *
 * Source: API reference v1.36, Container.terminationMessagePolicy. Upstream:
 * pkg/kubelet/kuberuntime/kuberuntime_container.go (getTerminationMessage).
 */
import type { ContainerStatus } from '#api/gen/cri-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { rememberedContainer } from '../cri/labels.ts';
import { parseLogLine } from '../server/log-line.ts';

const MESSAGE_BYTES_MAX = 4096;
const LOG_BYTES_MAX = 2048;
const LOG_LINES_MAX = 80;

export async function terminationMessage(
  fileSystem: FileSystem,
  status: ContainerStatus,
): Promise<string> {
  const { terminationHostPath, terminationPolicy } = rememberedContainer(status.annotations ?? {});
  const own = await readStart(fileSystem, terminationHostPath);
  const failed = (status.exitCode ?? 0) !== 0;
  if (own !== '' || terminationPolicy !== 'FallbackToLogsOnError' || !failed) return own;
  return logTail(fileSystem, status.logPath ?? '');
}

async function readStart(fileSystem: FileSystem, path: string): Promise<string> {
  if (path === '') return '';
  try {
    return Buffer.from(await fileSystem.readAt(path, 0, MESSAGE_BYTES_MAX)).toString();
  } catch {
    return '';
  }
}

async function logTail(fileSystem: FileSystem, path: string): Promise<string> {
  const stat = await fileSystem.stat(path);
  if (stat === undefined) return '';
  // Each line has a time and a stream name before it.
  const length = Math.min(stat.size, LOG_BYTES_MAX * 4 + LOG_LINES_MAX * 64);
  const bytes = await fileSystem.readAt(path, stat.size - length, length);
  const lines = Buffer.from(bytes)
    .toString()
    .split('\n')
    .slice(length < stat.size ? 1 : 0);
  const text = lines
    .slice(-LOG_LINES_MAX - 1)
    .map((line) => parseLogLine(line))
    .map((line) => (line === undefined ? '' : `${line.text}${line.partial ? '' : '\n'}`))
    .join('');
  return Buffer.from(text).subarray(-LOG_BYTES_MAX).toString();
}
