/**
 * What of the machine a kubelet insists on before it starts.
 *
 * Source: proc(5). Upstream: pkg/kubelet/cm/container_manager_linux.go (failSwapOn,
 * setupKernelTunables), v1.36. Different from upstream, on purpose: without protectKernelDefaults
 * the settings of the kernel are left as they are, not changed.
 */
import type { FileSystem } from '#base/doors.ts';
import type { KubeletConfiguration } from '../config/types.ts';

/** Below `/proc/sys`. */
const KERNEL_SETTINGS: readonly (readonly [path: string, value: number])[] = [
  ['vm/overcommit_memory', 1],
  ['vm/panic_on_oom', 0],
  ['kernel/panic', 10],
  ['kernel/panic_on_oops', 1],
  ['kernel/keys/root_maxkeys', 1_000_000],
  ['kernel/keys/root_maxbytes', 25_000_000],
];

/** Everything that is wrong; empty when the kubelet may start. */
export async function machineProblems(
  fileSystem: Pick<FileSystem, 'readText'>,
  config: Pick<KubeletConfiguration, 'failSwapOn' | 'protectKernelDefaults'>,
): Promise<string[]> {
  const swap = config.failSwapOn && (await hasSwap(fileSystem));
  return [
    ...(swap
      ? [
          'running with swap on is not supported, please disable swap or set --fail-swap-on flag to false',
        ]
      : []),
    ...(config.protectKernelDefaults === true ? await kernelProblems(fileSystem) : []),
  ];
}

/** The first line of `/proc/swaps` is a heading. A kernel without swap has no such file. */
async function hasSwap(fileSystem: Pick<FileSystem, 'readText'>): Promise<boolean> {
  const text = await fileSystem.readText('/proc/swaps').catch(() => '');
  return text.trim().split('\n').length > 1;
}

async function kernelProblems(fileSystem: Pick<FileSystem, 'readText'>): Promise<string[]> {
  const problems: string[] = [];
  for (const [path, wanted] of KERNEL_SETTINGS) {
    const value = Number(await fileSystem.readText(`/proc/sys/${path}`));
    if (value !== wanted)
      problems.push(
        `invalid kernel flag: ${path}, expected value: ${wanted}, actual value: ${value}`,
      );
  }
  return problems;
}
