/** The real environment: the machine's clocks, timers and random numbers, and a log on stderr. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Environment, Logger, LogValue, Timer } from '#base/env.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface RealEnvironmentOptions {
  readonly logLevel?: LogLevel;
  /** Text for people, JSON for machines; text unless given. */
  readonly logFormat?: 'text' | 'json';
  /** Where lines go, each with its newline; stderr unless given. */
  readonly write?: (line: string) => void;
}

export function realEnvironment(options: RealEnvironmentOptions = {}): Environment {
  return {
    clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
    timers: { after },
    random: {
      next: fractions(),
      bytes: (count) => randomBytes(count),
      uuid: () => randomUUID(),
    },
    log: logger({
      lowest: LEVELS.indexOf(options.logLevel ?? 'info'),
      format: options.logFormat === 'json' ? jsonLine : textLine,
      write: options.write ?? ((line) => process.stderr.write(line)),
      fixed: {},
    }),
  };
}

/** Resolves when every promise callback that could run has run. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Random bytes are fetched this many at a time: each fetch is a system call. */
const ENTROPY_BYTES = 6 * 512;

/** Random numbers from 0 to below 1, of 48 bits. */
function fractions(): () => number {
  let pool = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at === pool.length) {
      pool = randomBytes(ENTROPY_BYTES);
      at = 0;
    }
    const fraction = pool.readUIntBE(at, 6) / 2 ** 48;
    at += 6;
    return fraction;
  };
}

/** Node fires a longer timer at once. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

function after(delayMs: number, callback: () => void): Timer {
  if (delayMs <= 0) {
    const immediate = setImmediate(callback);
    return { cancel: () => clearImmediate(immediate) };
  }
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, TIMEOUT_MAX_MS);
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : callback()), stepMs);
  };
  wait(delayMs);
  return { cancel: () => clearTimeout(timer) };
}

type Values = Readonly<Record<string, LogValue>>;
type Format = (level: LogLevel, message: string, values: Values) => string;

interface LoggerOptions {
  /** Index of the lowest level that is written. */
  readonly lowest: number;
  readonly format: Format;
  readonly write: (line: string) => void;
  readonly fixed: Values;
}

function logger(options: LoggerOptions): Logger {
  const { lowest, format, write, fixed } = options;
  const at =
    (level: LogLevel) =>
    (message: string, values: Values = {}): void => {
      if (LEVELS.indexOf(level) < lowest) return;
      write(format(level, message, { ...fixed, ...values }));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (values) => logger({ ...options, fixed: { ...fixed, ...values } }),
  };
}

/** `2026-01-02T03:04:05.678Z INFO message key="value"`: constant message first, pairs behind. */
function textLine(level: LogLevel, message: string, values: Values): string {
  const pairs = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  return `${new Date().toISOString()} ${level.toUpperCase()} ${message}${pairs.join('')}\n`;
}

function jsonLine(level: LogLevel, message: string, values: Values): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...values })}\n`;
}
