/**
 * Ends of texts taken off in linear time. A regular expression for the end (`/ +$/`) is tried at each
 * character, and goes over all the same characters from each of them.
 */

/** `text` without what `isGone` says of its last characters. */
export function trimEndOf(text: string, isGone: (character: string) => boolean): string {
  let end = text.length;
  while (end > 0 && isGone(text[end - 1] ?? '')) end--;
  return text.slice(0, end);
}

/** `text` without what `isGone` says of its first and last characters. */
export function trimOf(text: string, isGone: (character: string) => boolean): string {
  let start = 0;
  while (start < text.length && isGone(text[start] ?? '')) start++;
  return trimEndOf(text.slice(start), isGone);
}
