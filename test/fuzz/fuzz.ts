/** Many worlds, each from its own seed: stateful sequences, or hostile bodies. */
import { Dice } from './dice.ts';
import { hostileRequest } from './hostile.ts';
import { type FuzzRequest, requestText } from './request.ts';
import { shrink } from './shrink.ts';
import { statefulRequest } from './stateful.ts';
import { runWorld, type WorldOptions } from './world.ts';

/** Requests of one world: enough for states to build up, few enough to be repeated at once. */
const WORLD_REQUESTS = 1_000;

export type Kind = 'stateful' | 'hostile';

export interface FuzzOptions {
  readonly kind: Kind;
  readonly seed: number;
  readonly requests: number;
  /** Each answer has to cost less than 100 ms of processor time. */
  readonly boundsCpu: boolean;
  /** Told of each broken world, in words. */
  report(text: string): void;
  /** Told after each world. */
  progress?(done: number, codes: ReadonlyMap<number, number>): void;
}

/** Answers how many worlds were broken. */
export async function fuzz(options: FuzzOptions): Promise<number> {
  const { kind, boundsCpu, requests: count } = options;
  const codes = new Map<number, number>();
  let broken = 0;
  for (let done = 0, seed = options.seed; done < count; seed++) {
    const requests = sequence(kind, seed, Math.min(WORLD_REQUESTS, count - done));
    const world: WorldOptions = { seed, boundsCpu };
    const outcome = await runWorld(requests, world);
    for (const [code, times] of outcome.codes) codes.set(code, (codes.get(code) ?? 0) + times);
    if (outcome.failure !== undefined) {
      broken++;
      const least = await shrink(requests, outcome.failure, world);
      options.report(
        [
          `seed ${seed}, request ${outcome.failure.index}: ${least.failure.problem}`,
          ...least.requests.map((request) => `  ${requestText(request)}`),
        ].join('\n'),
      );
    }
    done += requests.length;
    options.progress?.(done, codes);
  }
  return broken;
}

function sequence(kind: Kind, seed: number, count: number): FuzzRequest[] {
  const dice = new Dice(seed);
  const next = kind === 'stateful' ? statefulRequest : hostileRequest;
  return Array.from({ length: count }, () => next(dice));
}
