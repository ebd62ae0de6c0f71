/** Programs that are waited for. */
import { spawnSync } from 'node:child_process';

/** Long specs print little, but a dry run prints every spec. */
const OUTPUT_MAX_BYTES = 256 * 1024 * 1024;

export interface CommandOptions {
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What it prints on stdout; stderr goes to ours. Throws when it cannot be run or fails. */
export function output(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): string {
  const { status, error, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: OUTPUT_MAX_BYTES,
    env: { ...process.env, ...options.environment },
    ...(options.directory === undefined ? {} : { cwd: options.directory }),
  });
  if (error !== undefined) throw new Error(`Cannot run ${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed: ${status}`);
  return stdout;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
