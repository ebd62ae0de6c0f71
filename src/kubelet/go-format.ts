/**
 * Text as Go's fmt package makes it, where clients and people match on it.
 */

/** `%v` of a time.Duration: `10s`, `1m20s`, `2m0s`, `1.5s`, `350ms`, `12.345µs`. */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 0) return `-${formatGoDuration(-ms)}`;
  if (ms < 1) return `${trimNumber(ms * 1000)}µs`;
  if (ms < 1000) return `${trimNumber(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${trimNumber((ms % 60_000) / 1000)}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

function trimNumber(value: number): string {
  return String(Number(value.toFixed(3)));
}

/** `%v` of a []string: `[a b]`. */
export function formatGoList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}
