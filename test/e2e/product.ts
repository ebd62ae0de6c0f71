/** The product as a user runs it: a child process, and kubectl beside it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { patience } from '../kit/patience.ts';
import { openStream, type Stream } from './stream.ts';

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Product {
  readonly dataDirectory: string;
  readonly kubeconfig: string;
  /** All that it printed so far. */
  printed(): string;
  kubectl(
    args: readonly string[],
    options?: { input?: string; timeoutMs?: number },
  ): Promise<Output>;
  /** stdout of a kubectl that must succeed. */
  ok(args: readonly string[] | string, input?: string): Promise<string>;
  /** A kubectl that goes on; `stop` of the product ends it, should the test forget. */
  stream(args: readonly string[] | string): Stream;
  /** Ctrl-C, and wait until it is gone. Answers the exit code. */
  stop(): Promise<number | null>;
  readonly process: ChildProcess;
}

/** What it prints last when everything is up. */
const UP = /Press Ctrl-C/;
/** The first start builds images and may have to install packages. */
const UP_TIMEOUT_MS = 240_000;

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'coxswain-e2e-'));
}

export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

export interface StartOptions {
  readonly dataDirectory: string;
  /** Any free port unless given; undefined: no `--listen` at all. */
  readonly listen?: string | undefined;
  /** What runs the command: `setpriv …`. */
  readonly through?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** `npm start -- ARGS` as a command. */
function startCommand(args: readonly string[], options: StartOptions): [string, string[]] {
  const { dataDirectory, through = [] } = options;
  const listen = 'listen' in options ? options.listen : '127.0.0.1:0';
  const [command = '', ...rest] = [
    ...through,
    process.execPath,
    'bin/launch.mjs',
    'start',
    '--data-dir',
    dataDirectory,
    ...(listen === undefined ? [] : ['--listen', listen]),
    ...args,
  ];
  return [command, rest];
}

/** Runs a start that ends by itself, because it is refused. */
export function refusedStart(args: readonly string[], options: StartOptions): Promise<Output> {
  const [command, words] = startCommand(args, options);
  return run(command, words, { environment: { ...options.environment } });
}

/** Starts `npm start -- ARGS` and waits until it says that it is up. */
export async function startProduct(
  args: readonly string[],
  options: StartOptions,
): Promise<Product> {
  const { dataDirectory } = options;
  const [command, words] = startCommand(args, options);
  const child = spawn(command, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    // A terminal's Ctrl-C reaches the whole group: `stop` sends it the same way.
    detached: true,
  });
  let text = '';
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const up = new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      text += chunk.toString();
      if (UP.test(text)) resolve();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`The product ended with code ${code}:\n${text}`)));
    setTimeout(
      () => reject(new Error(`The product is not up in time:\n${text}`)),
      UP_TIMEOUT_MS * patience(),
    ).unref();
  });
  const kubeconfig = join(dataDirectory, 'admin.kubeconfig');
  const kubectl: Product['kubectl'] = (kubectlArgs, how = {}) =>
    run('kubectl', kubectlArgs, { ...how, environment: { KUBECONFIG: kubeconfig } });
  const streams: Stream[] = [];
  const product: Product = {
    dataDirectory,
    kubeconfig,
    process: child,
    printed: () => text,
    kubectl,
    async ok(command, input) {
      const words = wordsOf(command);
      const output = await kubectl(words, input === undefined ? {} : { input });
      if (output.code !== 0)
        throw new Error(`kubectl ${words.join(' ')}: ${output.stderr}${output.stdout}`);
      return output.stdout;
    },
    stream(command) {
      const stream = openStream('kubectl', wordsOf(command), { KUBECONFIG: kubeconfig });
      streams.push(stream);
      return stream;
    },
    async stop() {
      await Promise.allSettled(streams.map((stream) => stream.stop()));
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
      return exited;
    },
  };
  try {
    await up;
  } catch (error) {
    await product.stop();
    throw error;
  }
  return product;
}

function wordsOf(command: readonly string[] | string): readonly string[] {
  return typeof command === 'string' ? command.split(' ') : command;
}

export function run(
  command: string,
  args: readonly string[],
  options: { input?: string; timeoutMs?: number; environment?: Record<string, string> } = {},
): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      {
        timeout: options.timeoutMs ?? 60_000,
        maxBuffer: 64 * 1024 * 1024,
        env: { ...process.env, ...options.environment },
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      },
    );
    // A command that reads no input closes it.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Tries until `check` answers something; fails with its last error after `timeoutMs`. */
export async function eventually<T>(
  check: () => Promise<T | undefined>,
  timeoutMs = 30_000,
): Promise<T> {
  const until = Date.now() + timeoutMs * patience();
  let last: unknown = new Error('Nothing was found');
  while (Date.now() < until) {
    try {
      const found = await check();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw last;
}
