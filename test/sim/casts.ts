/** Every kind of workload that a simulated world may have. */
import { Deployments } from './deployments.ts';
import type { Cast, Stage } from './stage.ts';

export const CASTS: readonly {
  readonly name: string;
  readonly make: (stage: Stage) => Cast;
}[] = [{ name: 'deployments', make: (stage) => new Deployments(stage) }];
