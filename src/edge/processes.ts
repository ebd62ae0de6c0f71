/** The real `Processes` door: programs in a process group of their own, bounded in time and output. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:os';
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
  const { outputMaxBytes = OUTPUT_MAX_BYTES, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that what the program started ends with it.
      detached: true,
      env: { ...process.env, ...options.environment },
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    });
    let failure: Error | undefined;
    const giveUp = (error: Error): void => {
      failure ??= error;
      killGroup(child);
    };
    const timer = setTimeout(() => {
      giveUp(new Error(`Cannot wait for "${command}": it ran longer than ${timeoutMs} ms`));
    }, timeoutMs);
    const output = collect(child, outputMaxBytes, () => {
      const message = `Cannot keep the output of "${command}": more than ${outputMaxBytes} bytes`;
      giveUp(new RangeError(message));
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (failure !== undefined) reject(failure);
      else
        resolve({
          exitCode: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
          ...output(),
        });
    });
    // A program that does not read its input ends the pipe: that is its affair.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
  // Whoever left the group may hold the pipes open; nobody waits for that.
  child.stdout.destroy();
  child.stderr.destroy();
}

/** Gathers both outputs, and calls `onTooMuch` when together they exceed `maxBytes`. */
function collect(
  child: ChildProcessWithoutNullStreams,
  maxBytes: number,
  onTooMuch: () => void,
): () => Pick<ProcessResult, 'stdout' | 'stderr'> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let size = 0;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) onTooMuch();
      else chunks[name].push(chunk);
    });
  }
  return () => ({
    stdout: Buffer.concat(chunks.stdout),
    stderr: Buffer.concat(chunks.stderr),
  });
}
