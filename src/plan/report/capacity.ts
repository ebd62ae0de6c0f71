/** For how long a workload had fewer ready pods than it had before, and still wanted. Pure. */
import type { Step } from './observer.ts';

export interface Loss {
  /** Ready pods that it had before, or as many of them as it still wants. */
  readonly of: number;
  /** The fewest that were ready. */
  readonly least: number;
  readonly fromMs: number;
  /** Undefined: it stays so. */
  readonly untilMs: number | undefined;
  /** How long it was so in all: there may be better times in between. */
  readonly totalMs: number;
}

export interface LossOptions {
  readonly ready: readonly Step[];
  readonly wanted: readonly Step[];
  /** When the change came, and when it was over. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Undefined when nothing was lost. */
export function lossOf({ ready, wanted, fromMs, untilMs }: LossOptions): Loss | undefined {
  const before = countBefore(ready, fromMs);
  const times = [fromMs, ...[...ready, ...wanted].map(({ atMs }) => atMs)]
    .filter((atMs) => atMs >= fromMs && atMs < untilMs)
    .toSorted((a, b) => a - b);
  const spans = [...new Set(times)].map((startMs, index, all) => {
    const of = Math.min(before, countAt(wanted, startMs));
    const count = countAt(ready, startMs);
    return { startMs, endMs: all[index + 1] ?? untilMs, of, count, isShort: count < of };
  });
  const short = spans.filter(({ isShort }) => isShort);
  const [first] = short;
  const last = short.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const worst = short.reduce((a, b) => (b.of - b.count > a.of - a.count ? b : a));
  return {
    of: worst.of,
    least: worst.count,
    fromMs: first.startMs,
    untilMs: last === spans.at(-1) ? undefined : last.endMs,
    totalMs: short.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0),
  };
}

/** What the last step before then says; 0 before all of them. */
export function countBefore(steps: readonly Step[], atMs: number): number {
  return steps.findLast((step) => step.atMs < atMs)?.count ?? 0;
}

function countAt(steps: readonly Step[], atMs: number): number {
  return steps.findLast((step) => step.atMs <= atMs)?.count ?? 0;
}
