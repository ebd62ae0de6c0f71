/** Times as the API writes them. */

let lastSecond = Number.NaN;
let lastText = '';

/** RFC 3339 in whole seconds: meta/v1 Time. */
export function timeText(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second === lastSecond) return lastText;
  lastText = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  lastSecond = second;
  return lastText;
}

/** RFC 3339 with microseconds: meta/v1 MicroTime. */
export function microTimeText(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}
