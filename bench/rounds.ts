/** Rounds: each measures one subject after the other, so that what the machine does meets both. */
import type { Scope } from './scope.ts';
import type { Subject } from './subject.ts';
import type { Figure, Row, Unit } from './table.ts';

export interface Bench {
  readonly rounds: number;
  readonly scope: Scope;
  readonly coxswain: Subject;
  readonly upstream: Upstream | undefined;
  /** A line about what is going on. */
  say(line: string): void;
  /** Reports a measurement that could not be made; the others go on. */
  fail(what: string, error: unknown): void;
}

export interface Upstream {
  /** Its clients' own limits on requests are lifted, because ours have none. */
  readonly subject: Subject;
  /** As it comes. */
  readonly withDefaultLimits: Subject;
}

export interface Measurement {
  readonly name: string;
  run(bench: Bench): Promise<readonly Row[]>;
}

/** One result a round of each subject; or in a few words why there are none. */
export interface Results<T> {
  readonly coxswain: readonly T[] | string;
  readonly upstream: readonly T[] | string;
}

export interface Plan<T> {
  readonly name: string;
  /** Undefined: not measured. */
  readonly coxswain?: Subject | undefined;
  readonly upstream?: Subject | undefined;
  /** One round with one subject. */
  once(subject: Subject): Promise<T>;
}

/** Runs `once` for each subject in turn, `bench.rounds` times. A subject that failed is left out. */
export async function alternate<T>(bench: Bench, plan: Plan<T>): Promise<Results<T>> {
  const sides = { coxswain: sideOf<T>(plan.coxswain), upstream: sideOf<T>(plan.upstream) };
  for (let round = 1; round <= bench.rounds; round++) {
    for (const side of Object.values(sides)) {
      const { subject } = side;
      if (subject === undefined || side.hasFailed) continue;
      bench.scope.throwIfClosing();
      bench.say(`${plan.name}: ${subject.name}, round ${round} of ${bench.rounds}`);
      try {
        side.results.push(await plan.once(subject));
      } catch (error) {
        side.hasFailed = true;
        bench.fail(`${plan.name}, ${subject.name}`, error);
      }
    }
  }
  return { coxswain: outcomeOf(sides.coxswain), upstream: outcomeOf(sides.upstream) };
}

interface Side<T> {
  readonly subject: Subject | undefined;
  readonly results: T[];
  hasFailed: boolean;
}

function sideOf<T>(subject: Subject | undefined): Side<T> {
  return { subject, results: [], hasFailed: false };
}

function outcomeOf<T>({ subject, results, hasFailed }: Side<T>): readonly T[] | string {
  if (subject === undefined) return '–';
  return hasFailed ? 'failed' : results;
}

/** A row of the table: one number out of each result. */
export function rowOf<T>(
  results: Results<T>,
  row: {
    readonly what: string;
    readonly unit: Unit;
    readonly goal?: number;
    readonly value: (result: T) => number;
  },
): Row {
  const { value, ...rest } = row;
  const figure = (side: readonly T[] | string): Figure =>
    typeof side === 'string' ? side : side.map(value);
  return { ...rest, coxswain: figure(results.coxswain), upstream: figure(results.upstream) };
}
