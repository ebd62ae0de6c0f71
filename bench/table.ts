/** The table at the end: what was measured, Coxswain's figure, upstream's, their ratio, the goal. */
import { median } from './measure.ts';

export type Unit = 'ms' | 'MB' | '% of a core' | '/s' | 'µs';

/** One value a round, or in a few words why there is none. */
export type Figure = readonly number[] | string;

export interface Row {
  readonly what: string;
  readonly unit: Unit;
  readonly coxswain: Figure;
  readonly upstream: Figure;
  /** At most this much, in `unit`. */
  readonly goal?: number;
  /** What the ratio to upstream is to be. */
  readonly ratioGoal?: { readonly atLeast: number } | { readonly atMost: number };
}

const DIGITS: Record<Unit, number> = { ms: 0, MB: 0, '% of a core': 2, '/s': 0, µs: 0 };

/** Lines of equal columns; without `compared`, those about upstream are left out. */
export function renderTable(rows: readonly Row[], compared: boolean): string {
  const head = ['', 'Coxswain', 'upstream', 'ratio', 'goal'];
  const lines = [head, ...rows.map(cellsOf)].map((cells) =>
    compared ? cells : [cells[0] ?? '', cells[1] ?? '', cells[4] ?? ''],
  );
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('   ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function cellsOf(row: Row): string[] {
  const { what, unit, coxswain, upstream, goal } = row;
  return [
    what,
    figureText(coxswain, unit),
    figureText(upstream, unit),
    ratioText(coxswain, upstream),
    goal === undefined ? ratioGoalText(row) : `≤ ${goal} ${unit}`,
  ];
}

function ratioGoalText({ ratioGoal }: Row): string {
  if (ratioGoal === undefined) return '';
  return 'atLeast' in ratioGoal
    ? `ratio ≥ ${ratioGoal.atLeast.toFixed(2)}`
    : `ratio ≤ ${ratioGoal.atMost.toFixed(2)}`;
}

/** The median, with the least and the most of several rounds: `612 ms [590–701]`. */
export function figureText(figure: Figure, unit: Unit): string {
  if (typeof figure === 'string') return figure;
  if (figure.length === 0) return '–';
  const digits = DIGITS[unit];
  const spread = [Math.min(...figure), Math.max(...figure)].map((value) => value.toFixed(digits));
  const text = `${median(figure).toFixed(digits)} ${unit}`;
  return figure.length === 1 ? text : `${text} [${spread.join('–')}]`;
}

/** Coxswain's median by upstream's. */
function ratioText(coxswain: Figure, upstream: Figure): string {
  if (typeof coxswain === 'string' || typeof upstream === 'string') return '';
  if (coxswain.length === 0 || upstream.length === 0) return '';
  return (median(coxswain) / median(upstream)).toFixed(2);
}
