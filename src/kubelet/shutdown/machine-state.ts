/**
 * Whether the machine itself is going down, or only this process is to end.
 *
 * Source: systemctl(1), is-system-running: `stopping` while the manager shuts down.
 */
import type { Processes } from '#base/doors.ts';

const TIMEOUT_MS = 2000;

/** False where there is no systemd, and when it does not answer within two seconds. */
export async function isMachineStopping(processes: Processes): Promise<boolean> {
  try {
    const { stdout } = await processes.run('systemctl', ['is-system-running'], {
      timeoutMs: TIMEOUT_MS,
    });
    return Buffer.from(stdout).toString().trim() === 'stopping';
  } catch {
    return false;
  }
}
