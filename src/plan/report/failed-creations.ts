/**
 * Pods and claims that controllers tried to make in vain, by what they say in Events: the refusals of
 * admission that whoever made the workload never sees. Pure.
 */
import type { Event } from '#api/gen/core-v1.ts';
import type { Phase } from './phase.ts';
import type { PlannedRefusal } from './plan-result.ts';

const FAILED = 'FailedCreate';
const MADE = 'SuccessfulCreate';

/** One for each workload whose newest attempt failed. `phase`: milliseconds since 1970. */
export function failedCreations(events: readonly Event[], phase: Phase): PlannedRefusal[] {
  const newest = new Map<string, Event>();
  for (const event of events) {
    const { reason, involvedObject } = event;
    if (reason !== FAILED && reason !== MADE) continue;
    if (timeOf(event) < phase.fromMs || timeOf(event) >= phase.untilMs) continue;
    const key = involvedObject.uid ?? '';
    const known = newest.get(key);
    if (known === undefined || isNewer(event, known)) newest.set(key, event);
  }
  return [...newest.values()]
    .filter(({ reason }) => reason === FAILED)
    .map(({ involvedObject, message = '' }) => {
      const { kind = '', namespace = '', name = '' } = involvedObject;
      return { request: `create for ${kind} ${namespace}/${name}`, reason: FAILED, message };
    });
}

/** In the same second the success was the later one: what fails is tried again. */
function isNewer(event: Event, known: Event): boolean {
  const [time, knownTime] = [timeOf(event), timeOf(known)];
  return time > knownTime || (time === knownTime && event.reason === MADE);
}

function timeOf({ lastTimestamp, eventTime, firstTimestamp }: Event): number {
  return Date.parse(lastTimestamp ?? eventTime ?? firstTimestamp ?? '');
}
