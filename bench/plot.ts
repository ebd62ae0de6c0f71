/** A plot in text: for each group a few bars, all to one scale. */

export interface Bar {
  readonly name: string;
  readonly value: number;
}

export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly { readonly name: string; readonly bars: readonly Bar[] }[];
}

/** Of the longest bar, in characters. */
const WIDTH = 50;
/** Eighths of a character, from none to seven. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** The lines of the plot. A value that is no number has no bar. */
export function renderPlot({ title, unit, groups }: Plot): string {
  const bars = groups.flatMap((group) => group.bars);
  const most = Math.max(0, ...bars.map(({ value }) => value).filter(Number.isFinite));
  const groupWidth = widest(groups.map(({ name }) => name));
  const barWidth = widest(bars.map(({ name }) => name));
  const lines = groups.flatMap((group) =>
    group.bars.map(({ name, value }, index) => {
      const head = (index === 0 ? group.name : '').padStart(groupWidth);
      const text = Number.isFinite(value) ? `${digits(value)} ${unit}` : '–';
      const line = `${head}  ${name.padEnd(barWidth)} ${barOf(value, most)} ${text}`;
      return line;
    }),
  );
  return [title, ...lines].map((line) => `${line}\n`).join('');
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function barOf(value: number, most: number): string {
  if (!(value > 0) || most === 0) return '';
  const eighths = Math.round((value / most) * WIDTH * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
