/** What a test needs of the machine. What is missing is said aloud, and fails where nothing may be skipped. */
import { spawnSync } from 'node:child_process';

function isThere(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).error === undefined;
}

/** False when `what` can run here, else why not: for the option `skip` of a test. */
export function unlessReal(what: string): string | false {
  return unlessRoot(what) || unlessKubectl(what);
}

/** Root on Linux. */
export function unlessRoot(what: string): string | false {
  if (process.platform !== 'linux') return skipped(what, 'this is not Linux');
  return process.getuid?.() === 0 ? false : skipped(what, 'this is not root');
}

export function unlessKubectl(what: string): string | false {
  return isThere('kubectl', 'version', '--client')
    ? false
    : skipped(what, 'kubectl is not installed');
}

/** A program that answers to `version`. */
export function unlessCommand(command: string, what: string): string | false {
  return isThere(command, 'version') ? false : skipped(what, `${command} is not installed`);
}

function skipped(what: string, why: string): string {
  if (process.env['COXSWAIN_SKIP_IS_FAILURE'] === '1')
    throw new Error(`Nothing may be skipped here, but ${what}: ${why}`);
  process.stdout.write(`skipped: ${what}: ${why}\n`);
  return why;
}
