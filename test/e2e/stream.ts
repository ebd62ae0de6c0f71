/** A command that goes on while a test talks to it: what it prints is waited for, never guessed. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

export interface Stream {
  readonly pid: number;
  /** stdout so far. */
  printed(): string;
  /** stderr so far. */
  complained(): string;
  /** stdout so far, byte for byte. */
  bytes(): Buffer;
  /**
   * The first match of `pattern` in stdout, now or later. Rejects when the command ends without it,
   * or after 30 s.
   */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** The same in stderr. */
  untilComplained(pattern: RegExp): Promise<RegExpExecArray>;
  type(text: string | Uint8Array): void;
  /** Ends stdin. */
  endInput(): void;
  /**
   * The exit code once it has ended and all output is here; 128 + N after signal N. Rejects after
   * a minute.
   */
  exit(): Promise<number>;
  /** Ends it with `signal` (SIGTERM unless given), and by SIGKILL when it stays. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

const UNTIL_TIMEOUT_MS = 30_000;
const EXIT_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/** Starts `command` with all three streams as pipes; stdin stays open until `endInput`. */
export function openStream(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Stream {
  const child = spawn(command, [...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const printed: Buffer[] = [];
  const complained: Buffer[] = [];
  const looks = new Set<() => void>();
  const look = (): void => {
    for (const one of looks) one();
  };
  let code: number | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    printed.push(chunk);
    look();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complained.push(chunk);
    look();
  });
  // A command that reads no more closes its input.
  child.stdin.on('error', () => {});
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      code = exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      resolve(code);
      look();
    });
  });
  // Who waits for nothing is told by `until`.
  ended.catch(() => {});
  const failure = (why: string): Error => {
    const output = `stdout: ${stream.printed()}\nstderr: ${stream.complained()}`;
    return new Error(`${command} ${args.join(' ')}: ${why}\n${output}`);
  };
  const wait = (pattern: RegExp, text: () => string): Promise<RegExpExecArray> => {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const fail = (why: string): void => reject(failure(`${why}: ${pattern}`));
    const check = (): void => {
      const match = pattern.exec(text());
      if (match !== null) resolve(match);
      else if (code !== undefined) fail(`ended with ${code} and never printed`);
    };
    const timer = setTimeout(() => fail('not printed in time'), UNTIL_TIMEOUT_MS);
    looks.add(check);
    check();
    return promise.finally(() => {
      clearTimeout(timer);
      looks.delete(check);
    });
  };
  const stream: Stream = {
    pid: child.pid ?? 0,
    printed: () => Buffer.concat(printed).toString(),
    complained: () => Buffer.concat(complained).toString(),
    bytes: () => Buffer.concat(printed),
    until: (pattern) => wait(pattern, () => stream.printed()),
    untilComplained: (pattern) => wait(pattern, () => stream.complained()),
    type: (text) => child.stdin.write(text),
    endInput: () => child.stdin.end(),
    async exit() {
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(failure('does not end')), EXIT_TIMEOUT_MS);
      return Promise.race([ended, promise]).finally(() => clearTimeout(timer));
    },
    async stop(signal = 'SIGTERM') {
      if (code !== undefined) return code;
      child.kill(signal);
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      return ended.finally(() => clearTimeout(force));
    },
  };
  return stream;
}
