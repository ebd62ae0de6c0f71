/** A program that has to succeed: its standard output, or an error that says in its own words why not. */
import type { ProcessOptions, Processes } from './doors.ts';

/** Of what the program said, so much goes into the error. */
const WORDS_MAX = 1_000;

/** Rejects also when the program is not there, or runs too long. */
export async function runCommand(
  processes: Processes,
  command: string,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<string> {
  const { exitCode, stdout, stderr } = await processes.run(command, args, options);
  if (exitCode === 0) return Buffer.from(stdout).toString('utf8');
  const words = Buffer.from(stderr).toString('utf8').trim().slice(0, WORDS_MAX);
  throw new Error(`Cannot run ${command} ${args.join(' ')}: ${words}`);
}
