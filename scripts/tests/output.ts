/** Reads what Node's reporter `spec` writes. */

export interface Counts {
  readonly tests: number;
  readonly passed: number;
  /** Cancelled ones too. */
  readonly failed: number;
  readonly skipped: number;
}

export const NO_COUNTS: Counts = { tests: 0, passed: 0, failed: 0, skipped: 0 };

/** The sums at the end of an output; undefined where it has none, because its process ended before. */
export function countsOf(output: string): Counts | undefined {
  const count = (name: string): number =>
    Number(new RegExp(`^ℹ ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  if (!/^ℹ tests \d+$/m.test(output)) return undefined;
  return {
    tests: count('tests'),
    passed: count('pass'),
    failed: count('fail') + count('cancelled'),
    skipped: count('skipped'),
  };
}

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    tests: a.tests + b.tests,
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** The lines that name skipped tests and suites, with the reason. */
export function skippedIn(output: string): string[] {
  return output.split('\n').filter((line) => /^\s*﹣ .* # /.test(line));
}
