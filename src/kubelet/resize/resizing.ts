/** Puts the parts together that hold the room of a node and give containers another share of it. */
import type { FileSystem } from '#base/doors.ts';
import { Allocations, type AllocationsOptions } from './allocations.ts';
import { ResourceCheckpoint } from './checkpoint.ts';
import { PodResizer, type PodResizerOptions } from './pod-resizer.ts';
import { ResizeConditions } from './resize-conditions.ts';

/** Upstream's names, v1.36; what is in the files is ours. */
const ALLOCATED_FILE = 'allocated_pods_state';
const ACTUATED_FILE = 'actuated_pods_state';

export interface Resizing {
  readonly allocations: Allocations;
  readonly resizer: PodResizer;
  readonly resizeConditions: ResizeConditions;
}

export type ResizingOptions = Omit<AllocationsOptions, 'allocated' | 'conditions'> &
  Omit<PodResizerOptions, 'actuated'> & {
    readonly fileSystem: FileSystem;
    /** Where the checkpoints lie. */
    readonly directory: string;
  };

export function resizing(options: ResizingOptions): Resizing {
  const { directory, environment } = options;
  const checkpoint = (name: string): ResourceCheckpoint =>
    new ResourceCheckpoint({ ...options, path: `${directory}/${name}` });
  const resizeConditions = new ResizeConditions(environment.clock);
  return {
    allocations: new Allocations({
      ...options,
      allocated: checkpoint(ALLOCATED_FILE),
      conditions: resizeConditions,
    }),
    resizer: new PodResizer({ ...options, actuated: checkpoint(ACTUATED_FILE) }),
    resizeConditions,
  };
}
