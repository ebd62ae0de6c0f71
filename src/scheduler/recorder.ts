/**
 * Recorders of the scheduler's events, one for each scheduler name. They are of the newer form:
 * pods that are refused again and again make a series.
 *
 * Upstream: pkg/scheduler/profile/profile.go (NewRecorderFactory), v1.36.
 */
import { EventRecorder, type EventRecorderOptions } from '#client/events.ts';

export type SchedulerRecorderOptions = Omit<EventRecorderOptions, 'component' | 'isSeries'>;

/** To a scheduler name, the recorder of the events about its pods. */
export function schedulerRecorders(
  options: SchedulerRecorderOptions,
): (schedulerName: string) => EventRecorder {
  return (component) => new EventRecorder({ ...options, component, isSeries: true });
}
