/**
 * What the scheduling bench measures: API server, store and scheduler, and nothing else. Upstream's
 * scheduler_perf has no controllers that would touch nodes or pods either, and leaves out the
 * admission plug-ins that need such.
 */
import type { Target } from '../api/connection.ts';
import type { Scope } from '../scope.ts';
import type { Running } from '../subject.ts';

/** Pods need no service account, keep the priority they are made with, and new nodes are not tainted. */
export const DISABLED_ADMISSION = ['ServiceAccount', 'TaintNodesByCondition', 'Priority'] as const;

export interface RunningScheduler extends Running {
  readonly target: Target;
  /** The scheduler's process, where it has one of its own. */
  readonly schedulerPid: number | undefined;
}

export interface SchedulingSubject {
  readonly name: string;
  /** Resolves when the API server and the scheduler say that they are ready. */
  start(scope: Scope): Promise<RunningScheduler>;
}
