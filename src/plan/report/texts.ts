/** Words that the answer is told in. */

/** `5s`, `1.5s`, `2m5s`, `1h3m` */
export function timeText(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes < 120) return rest === 0 ? `${minutes}m` : `${minutes}m${rest}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}
