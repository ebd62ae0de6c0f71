/** Rounds: each measures one subject after the other, so that what the machine does meets both. */
import type { Scope } from './scope.ts';
import type { Subject } from './subject.ts';
import type { Figure, Row, Unit } from './table.ts';

/** What every bench has, whatever it measures. */
export interface Rounds {
  readonly rounds: number;
  readonly scope: Scope;
  /** A line about what is going on. */
  say(line: string): void;
  /** Text that belongs below the table. */
  show(text: string): void;
  /** Reports a measurement that could not be made; the others go on. */
  fail(what: string, error: unknown): void;
}

export interface Bench extends Rounds {
  readonly coxswain: Subject;
  readonly upstream: Upstream | undefined;
}

export interface Upstream {
  /** Its clients' own limits on requests are lifted, because ours have none. */
  readonly subject: Subject;
  /** As it comes. */
  readonly withDefaultLimits: Subject;
}

/** `B`: what it is given to measure. */
export interface Measurement<B = Bench> {
  readonly name: string;
  run(bench: B): Promise<readonly Row[]>;
}

/** One result a round of each subject; or in a few words why there are none. */
export interface Results<T> {
  readonly coxswain: readonly T[] | string;
  readonly upstream: readonly T[] | string;
}

export interface Plan<T, S> {
  readonly name: string;
  /** Undefined: not measured. */
  readonly coxswain?: S | undefined;
  readonly upstream?: S | undefined;
  /** One round with one subject. */
  once(subject: S): Promise<T>;
}

/** Runs `once` for each subject in turn, `bench.rounds` times. A subject that failed is left out. */
export async function alternate<T, S extends { readonly name: string } = Subject>(
  bench: Rounds,
  plan: Plan<T, S>,
): Promise<Results<T>> {
  const sides = { coxswain: sideOf<T, S>(plan.coxswain), upstream: sideOf<T, S>(plan.upstream) };
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

interface Side<T, S> {
  readonly subject: S | undefined;
  readonly results: T[];
  hasFailed: boolean;
}

function sideOf<T, S>(subject: S | undefined): Side<T, S> {
  return { subject, results: [], hasFailed: false };
}

function outcomeOf<T, S>({ subject, results, hasFailed }: Side<T, S>): readonly T[] | string {
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
    readonly ratioGoal?: NonNullable<Row['ratioGoal']>;
    readonly value: (result: T) => number;
  },
): Row {
  const { value, ...rest } = row;
  const figure = (side: readonly T[] | string): Figure =>
    typeof side === 'string' ? side : side.map(value);
  return { ...rest, coxswain: figure(results.coxswain), upstream: figure(results.upstream) };
}
