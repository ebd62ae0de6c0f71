/**
 * Durations and ages as `kubectl get` shows them.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/util/duration/duration.go.
 */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_HOURS = 24;
const YEAR_HOURS = DAY_HOURS * 365;

/** Two or three significant figures: `45s`, `3m20s`, `5h10m`, `2d3h`, `400d`, `3y20d`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND_MS);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(ms / MINUTE_MS);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(ms / HOUR_MS);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / DAY_HOURS);
  if (hours < DAY_HOURS * 8) return withRest(days, 'd', hours % DAY_HOURS, 'h');
  if (hours < YEAR_HOURS * 2) return `${days}d`;
  const years = Math.trunc(hours / YEAR_HOURS);
  if (hours < YEAR_HOURS * 8) return withRest(years, 'y', days % 365, 'd');
  return `${years}y`;
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`;
}

/** How long ago `timestamp` (RFC 3339) was; `<unknown>` when there is none. */
export function timeSince(timestamp: string | undefined | null, nowMs: number): string {
  if (timestamp === undefined || timestamp === null || timestamp === '') return '<unknown>';
  return humanDuration(nowMs - Date.parse(timestamp));
}
