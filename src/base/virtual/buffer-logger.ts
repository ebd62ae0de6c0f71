/** A log in memory. */
import type { Logger, LogValue } from '#base/env.ts';

export interface LogLine {
  readonly atMs: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly values: Readonly<Record<string, LogValue>>;
}

export class BufferLogger implements Logger {
  readonly #record: (line: Omit<LogLine, 'atMs'>) => void;
  readonly #values: Readonly<Record<string, LogValue>>;
  constructor(
    record: (line: Omit<LogLine, 'atMs'>) => void,
    values: Readonly<Record<string, LogValue>>,
  ) {
    this.#record = record;
    this.#values = values;
  }
  debug(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('debug', message, values);
  }
  info(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('info', message, values);
  }
  warn(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('warn', message, values);
  }
  error(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('error', message, values);
  }
  with(values: Readonly<Record<string, LogValue>>): Logger {
    return new BufferLogger(this.#record, { ...this.#values, ...values });
  }
  #write(
    level: LogLine['level'],
    message: string,
    values: Readonly<Record<string, LogValue>> = {},
  ): void {
    this.#record({ level, message, values: { ...this.#values, ...values } });
  }
}
