/**
 * How much of the past is kept behind the API's compaction, unless it is said otherwise.
 *
 * Leases and Events are kept out: they are written all the time and nobody asks what they were.
 * Secrets are kept out unless asked for: an overwritten password should be gone.
 */

export interface HistoryPolicy {
  /** What was overwritten or deleted stays this long. 0: no history. */
  readonly retentionMs: number;
  /** Bytes of overwritten and deleted objects; beyond this the oldest go. */
  readonly maxBytes: number;
  readonly keepSecrets: boolean;
}

/** A week, as long as it is no more than a gibibyte. */
export const HISTORY_DEFAULTS: HistoryPolicy = {
  retentionMs: 7 * 24 * 60 * 60_000,
  maxBytes: 1024 ** 3,
  keepSecrets: false,
};

/** `masterleases` is upstream's place for the leases of API servers. */
const NEVER = ['leases', 'events', 'masterleases'];

/** The prefixes of keys that are kept out of the history. */
export function excludedPrefixes({ keepSecrets }: Pick<HistoryPolicy, 'keepSecrets'>): string[] {
  return [...NEVER, ...(keepSecrets ? [] : ['secrets'])].map((prefix) => `/registry/${prefix}/`);
}
