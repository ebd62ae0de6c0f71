/** Lengths of time in a configuration. */
import { parseDuration } from '#api/codec/duration.ts';
import type { Duration } from './types.ts';

const NANOS_PER_MS = 1e6;

export function milliseconds(duration: Duration): number {
  return parseDuration(duration) / NANOS_PER_MS;
}
