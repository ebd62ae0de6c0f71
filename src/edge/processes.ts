/** The real `Processes` door: programs in a process group of their own, bounded in time and output. */
import { spawn } from 'node:child_process';
import type { ProcessOptions, Processes, ProcessResult } from '#base/doors.ts';

const OUTPUT_MAX_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

export function realProcesses(): Processes {
  return { run };
}

function run(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const limit = options.outputMaxBytes ?? OUTPUT_MAX_BYTES;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...options.environment },
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    });
    const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    let failure: Error | undefined;
    const kill = (error: Error): void => {
      failure ??= error;
      // The whole group: what the program started ends with it.
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          child.kill('SIGKILL');
        }
      }
    };
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const timer = setTimeout(
      () => kill(new Error(`Cannot wait for "${command}": it ran longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit)
          kill(new RangeError(`Cannot keep the output of "${command}": more than ${limit} bytes`));
        else output[name].push(chunk);
      });
    }
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (failure !== undefined) reject(failure);
      else
        resolve({
          exitCode: code ?? 128 + (signal === null ? 0 : 9),
          stdout: Buffer.concat(output.stdout),
          stderr: Buffer.concat(output.stderr),
        });
    });
    // A program that does not read its input ends the pipe: that is its affair.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
