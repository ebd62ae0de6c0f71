/**
 * How a kubelet learns that the machine shuts down.
 *
 *   SIGPWR, or SIGTERM while systemd stops the machine ─▶ pods end in order
 *   SIGTERM or SIGINT otherwise                        ─▶ only the kubelet ends
 *
 * Upstream holds a lock of logind's instead. A unit of systemd has to be stopped before the runtime's
 * (`After=containerd.service`), and needs a `TimeoutStopSec` as long as the pods have.
 */
import { aborted } from '#base/env.ts';
import { realProcesses } from '#edge/processes.ts';
import { isMachineStopping } from '#kubelet/shutdown/machine-state.ts';
import type { RunningKubelet } from './start.ts';

/** Resolves when the kubelet shall end: after `signal`, and after the pods where the machine ends. */
export async function untilMachineOrProcessEnds(
  kubelet: Pick<RunningKubelet, 'shutDown'>,
  signal: AbortSignal,
): Promise<void> {
  let shutdown = Promise.resolve();
  const onPower = (): void => {
    shutdown = kubelet.shutDown();
  };
  process.on('SIGPWR', onPower);
  try {
    await aborted(signal);
    if (await isMachineStopping(realProcesses())) shutdown = kubelet.shutDown();
    await shutdown;
  } finally {
    process.off('SIGPWR', onPower);
  }
}
