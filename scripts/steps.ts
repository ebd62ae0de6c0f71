/** Runs commands one after the other, says how long each took, and stops at the first that fails. */
import { spawnSync } from 'node:child_process';

export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** The path of a tool that npm installed. */
export function tool(name: string): string {
  return `node_modules/.bin/${name}`;
}

/** Exits the process with the status of the first step that fails. */
export function runSteps(steps: readonly Step[]): void {
  for (const { name, command, args, environment } of steps) {
    const began = Date.now();
    process.stdout.write(`\n▶ ${name}\n`);
    const { status, error } = spawnSync(command, args, {
      stdio: 'inherit',
      env: { ...process.env, ...environment },
    });
    if (error !== undefined) throw error;
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    process.stdout.write(`${status === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n`);
    if (status !== 0) process.exit(status ?? 1);
  }
}
