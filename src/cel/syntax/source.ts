/**
 * The text of an expression, places in it, and what is wrong with it, told as upstream tells it.
 *
 * Upstream: cel-go common/error.go and common/errors.go (the display of an error), v0.26.
 */

/** A place: the line counts from 1, the column from 0, in code points. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Nowhere in the text. */
export const NOWHERE: Place = { line: -1, column: -1 };

/** How many errors are told before the rest is only counted. */
const REPORTED_ERRORS_MAX = 100;

export interface Issue {
  readonly place: Place;
  readonly message: string;
}

/** The text as code points, with the offsets at which its lines begin. */
export class Source {
  readonly text: string;
  readonly #lineStarts: number[] = [0];
  /** Undefined while every character is one UTF-16 unit, so that offsets are columns. */
  readonly points: readonly string[] | undefined;

  constructor(text: string) {
    this.text = text;
    this.points = /[\ud800-\udfff]/.test(text) ? Array.from(text) : undefined;
    let at = text.indexOf('\n');
    while (at >= 0) {
      this.#lineStarts.push(at + 1);
      at = text.indexOf('\n', at + 1);
    }
  }

  /** How many code points the text has. */
  get length(): number {
    return this.points?.length ?? this.text.length;
  }

  /** The place of an offset in UTF-16 units. */
  placeOf(offset: number): Place {
    let line = this.#lineStarts.length;
    while (line > 1 && (this.#lineStarts[line - 1] ?? 0) > offset) line -= 1;
    const start = this.#lineStarts[line - 1] ?? 0;
    const column =
      this.points === undefined
        ? offset - start
        : Array.from(this.text.slice(start, offset)).length;
    return { line, column };
  }

  /** The text of a line, or undefined when there is no such line. */
  lineText(line: number): string | undefined {
    const start = this.#lineStarts[line - 1];
    if (start === undefined) return undefined;
    const next = this.#lineStarts[line];
    return next === undefined ? this.text.slice(start) : this.text.slice(start, next - 1);
  }
}

const WIDE_DOT = '\uff0e';
const WIDE_MARK = '\uff3e';
const isWide = (point: string): boolean => (point.codePointAt(0) ?? 0) > 0x7f;

function displayOf(issue: Issue, source: Source): string {
  const { line, column } = issue.place;
  // Of nothing there is no first place, and no line to show.
  if (source.text === '') return `ERROR: <input>:1:0: ${issue.message}`;
  const head = `ERROR: <input>:${line}:${column + 1}: ${issue.message}`;
  const text = source.lineText(line);
  if (text === undefined) return head;
  const shown = text.replaceAll('\t', ' ');
  const points = Array.from(shown);
  const dots = points.slice(0, Math.max(column, 0)).map((each) => (isWide(each) ? WIDE_DOT : '.'));
  const marked = points[Math.max(column, 0)];
  const mark = marked !== undefined && isWide(marked) ? WIDE_MARK : '^';
  return `${head}\n | ${shown}\n | ${dots.join('')}${mark}`;
}

/** All issues as one text, by place; what is beyond a hundred is only counted. */
export function displayIssues(issues: readonly Issue[], source: Source): string {
  const sorted = issues.toSorted(
    (a, b) => a.place.line - b.place.line || a.place.column - b.place.column,
  );
  const told = sorted.slice(0, REPORTED_ERRORS_MAX).map((issue) => displayOf(issue, source));
  const rest = sorted.length - told.length;
  return rest > 0 ? `${told.join('\n')}\n${rest} more errors were truncated` : told.join('\n');
}
