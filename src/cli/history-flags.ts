/** The flags that say how much of the past is kept, and what their values mean. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { HISTORY_DEFAULTS, type HistoryPolicy } from '#apiserver/history/policy.ts';
import { DurationError, parseDuration } from '#api/codec/duration.ts';

export interface HistoryFlags {
  /** Milliseconds. */
  readonly historyRetention?: number;
  /** Bytes. */
  readonly historyMaxSize?: number;
  readonly historySecrets?: boolean;
}

const DAY_MS = 24 * 60 * 60_000;
const NANOS_PER_MS = 1_000_000;

/** Adds the flags to a command that starts an API server. */
export function addHistoryFlags(command: Command): Command {
  const days = HISTORY_DEFAULTS.retentionMs / DAY_MS;
  const gibibytes = HISTORY_DEFAULTS.maxBytes / 1024 ** 3;
  return command
    .addOption(
      new Option(
        '--history-retention <AGE>',
        `how long overwritten and deleted objects are kept for cox history; 0 keeps none (default: ${days}d)`,
      ).argParser(durationOf),
    )
    .addOption(
      new Option(
        '--history-max-size <SIZE>',
        `beyond this size the oldest of them go (default: ${gibibytes}Gi)`,
      ).argParser(sizeOf),
    )
    .option('--history-secrets', 'keep the history of Secrets too')
    .addOption(new Option('--no-history-secrets').hideHelp());
}

/** What was said; the rest stays as it is. */
export function historyPolicyOf(flags: HistoryFlags): Partial<HistoryPolicy> {
  const { historyRetention, historyMaxSize, historySecrets } = flags;
  return {
    ...(historyRetention === undefined ? {} : { retentionMs: historyRetention }),
    ...(historyMaxSize === undefined ? {} : { maxBytes: historyMaxSize }),
    ...(historySecrets === undefined ? {} : { keepSecrets: historySecrets }),
  };
}

/** `36h`, `90m`, `7d`, `0`: milliseconds. */
export function durationOf(text: string): number {
  const days = /^(\d{1,6})d$/.exec(text)?.[1];
  if (days !== undefined) return Number(days) * DAY_MS;
  try {
    const ms = parseDuration(text) / NANOS_PER_MS;
    if (ms >= 0) return ms;
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
  }
  throw new InvalidArgumentError('Give a time such as 36h or 7d.');
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** `512Mi`, `2Gi`, a number of bytes. */
export function sizeOf(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,15})(Ki|Mi|Gi|Ti)?$/.exec(text) ?? [];
  const bytes = number === '' ? Number.NaN : Number(number) * (UNITS[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('Give a size such as 512Mi or 2Gi.');
  return bytes;
}
