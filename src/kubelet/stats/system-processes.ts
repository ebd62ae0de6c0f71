/**
 * The processes that look after the node: the kubelet's, and the runtime's where it is known.
 *
 * Upstream tells what their cgroups use, where they have cgroups of their own; ours need none.
 */
import { processUsage } from './proc-text.ts';
import type { UsageSource } from './usage-sampler.ts';

const NANOS_PER_MS = 1_000_000;

interface SystemProcess {
  readonly name: 'kubelet' | 'runtime';
  /** Milliseconds since the machine started. */
  readonly startedMs: number;
  readonly source: UsageSource;
}

/** `text`: of a file; empty when it cannot be read. */
export async function systemProcesses(
  text: (path: string) => Promise<string>,
  runtimePid: (() => Promise<number | undefined>) | undefined,
): Promise<SystemProcess[]> {
  const pid = await runtimePid?.();
  const kubelet = await systemProcess(text, 'kubelet', 'self');
  if (pid === undefined) return [kubelet];
  return [kubelet, await systemProcess(text, 'runtime', String(pid))];
}

async function systemProcess(
  text: (path: string) => Promise<string>,
  name: SystemProcess['name'],
  process: string,
): Promise<SystemProcess> {
  const read = async () =>
    processUsage(await text(`/proc/${process}/stat`), await text(`/proc/${process}/status`));
  const startedMs = ((await read())?.startedNanoseconds ?? 0) / NANOS_PER_MS;
  // Another process may get the same id.
  return { name, startedMs, source: { key: `${name} ${process} ${startedMs}`, read } };
}
