/** The real environment: the machine's clocks, timers and random numbers, and a log on stderr. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Environment, Logger, LogValue } from '#base/env.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface RealEnvironmentOptions {
  readonly logLevel?: LogLevel;
  /** Where lines go; stderr unless given. */
  write?(line: string): void;
}

export function realEnvironment(options: RealEnvironmentOptions = {}): Environment {
  const write = options.write ?? ((line: string) => process.stderr.write(line));
  return {
    clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
    timers: {
      after(delayMs, callback) {
        if (delayMs <= 0) {
          const immediate = setImmediate(callback);
          return { cancel: () => clearImmediate(immediate) };
        }
        // Node fires a timer of more than 2^31 ms at once.
        const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1));
        return { cancel: () => clearTimeout(timer) };
      },
    },
    random: {
      next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
      bytes: (count) => randomBytes(count),
      uuid: () => randomUUID(),
    },
    log: logger(options.logLevel ?? 'info', write, {}),
  };
}

function logger(level: LogLevel, write: (line: string) => void, fixed: Readonly<Record<string, LogValue>>): Logger {
  const lowest = LEVELS.indexOf(level);
  const at =
    (name: LogLevel) =>
    (message: string, values: Readonly<Record<string, LogValue>> = {}): void => {
      if (LEVELS.indexOf(name) < lowest) return;
      write(lineOf(name, message, { ...fixed, ...values }));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (values) => logger(level, write, { ...fixed, ...values }),
  };
}

/** `2026-01-02T03:04:05.678Z INFO message key="value"`: constant message first, pairs behind. */
function lineOf(level: LogLevel, message: string, values: Readonly<Record<string, LogValue>>): string {
  const pairs = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  return `${new Date().toISOString()} ${level.toUpperCase()} ${message}${pairs.join('')}\n`;
}
